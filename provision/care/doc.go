// Package care drains, cordons and uncordons the Nodes of hosts that an operator
// names, one after the other.
package care
