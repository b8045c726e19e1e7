// Package desired turns inventory, facts and components into the graph of
// everything that hosts and cluster must have. It is pure. The graph is checked
// here once: no address twice, no edge into nothing, no cycle, no trigger of a
// unit that nobody wants.
package desired
