// Package clusterkinds lists the kinds of scope cluster, which the operator
// runs through its tunnel. It is a leaf: contracts cannot list their children.
package clusterkinds

import (
	"provision/provision/cluster"
	"provision/provision/resource"
	"provision/provision/resource/etcdmember"
	"provision/provision/resource/node"
	"provision/provision/resource/object"
	"provision/provision/resource/release"
)

// All returns the cluster kinds by name.
func All() map[string]resource.Kind[*cluster.Env] {
	kinds := map[string]resource.Kind[*cluster.Env]{}
	for _, kind := range []resource.Kind[*cluster.Env]{node.New(), object.New(), etcdmember.New(), release.New()} {
		kinds[kind.Name()] = kind
	}
	return kinds
}
