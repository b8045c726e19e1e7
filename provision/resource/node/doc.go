// Package node is the kind of a Kubernetes Node: its labels, annotations,
// taints and pod ranges. Apply creates the Node before its kubelet starts, or
// adopts the one that is there; only keys that were put there by this kind are
// ever removed. It imports the resource and cluster contracts only.
//
// What is owned is recorded in an annotation of the Node, in the same write as
// the values. Server-side apply would record it for labels, but the list of
// taints is atomic to it: owning the list would take away the taints which
// Kubernetes itself sets (not-ready, unschedulable).
package node
