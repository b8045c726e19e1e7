package addons

import (
	"provision/addons/release"
	"provision/provision/component"
	"provision/provision/inventory"
)

// Addon is a kind of what runs in the cluster; its instances are what the
// inventory's addon blocks ask for.
type Addon interface {
	inventory.AddonKind
	// Releases are the charts to install for an instance, in order; none when its
	// settings switch it off. Names are of the instance (Release of it), so that
	// two of them do not meet. Pure.
	Releases(cluster *component.Cluster, instance inventory.Addon) ([]release.Release, error)
}
