package access

import (
	"maps"
	"slices"
	"strings"

	"provision/provision/fleet"
	"provision/provision/kube"
	"provision/provision/removal"
)

// Leaving are the hosts of the cluster that are not in the inventory any more.
func Leaving(f *fleet.Fleet) []string {
	return removal.Of(slices.Collect(maps.Values(f.Known())), f.Inventory).Leavers()
}

// Foreign are the Nodes that no host is, by name. Nothing removes them by itself.
func Foreign(f *fleet.Fleet, nodes []kube.NodeStatus) []kube.NodeStatus {
	leaving := Leaving(f)
	found := kube.Foreign(nodes, func(name string) bool {
		_, listed := f.Inventory.Host(name)
		return listed || slices.Contains(leaving, name)
	})
	slices.SortFunc(found, func(a, b kube.NodeStatus) int { return strings.Compare(a.Name, b.Name) })
	return found
}
