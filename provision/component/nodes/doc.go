// Package nodes is the part of the cluster that a host has as a Node: the Node
// object, whether pods go there, how it is emptied for a change of its host, and
// what waits for it.
package nodes
