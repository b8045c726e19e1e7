// Package resource is the contract of everything that provision can look at,
// compare, make so and put back: files, units, packages on hosts; Nodes and
// etcd members in the cluster.
//
// A Resource is a wanted instance: an address, a spec and its edges. A Kind is
// the code that handles all resources of one sort. Kinds live in one folder
// each below this one and are listed in package kinds; a Kind never imports
// another Kind. This package imports nothing of ours.
package resource
