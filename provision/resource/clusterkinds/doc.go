// Package clusterkinds lists the kinds of scope cluster, which the operator
// runs through its tunnel. It is a leaf: contracts cannot list their children.
package clusterkinds
