package clusterkinds

import (
	"provision/provision/cluster"
	"provision/provision/resource"
	"provision/provision/resource/drain"
	"provision/provision/resource/etcdmember"
	"provision/provision/resource/node"
	"provision/provision/resource/object"
	"provision/provision/resource/release"
	"provision/provision/resource/uncordon"
)

// All returns the cluster kinds by name.
func All() map[string]resource.Kind[*cluster.Env] {
	kinds := map[string]resource.Kind[*cluster.Env]{}
	for _, kind := range []resource.Kind[*cluster.Env]{
		node.New(), object.New(), etcdmember.New(), release.New(), drain.New(), uncordon.New(),
	} {
		kinds[kind.Name()] = kind
	}
	return kinds
}
