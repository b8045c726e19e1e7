package component

import (
	"provision/provision/inventory"
	"provision/provision/resource"
)

// Arounder is implemented by components on whose hosts something must be done
// before and after a change: what a drain does for a Node, such as Ceph's noout,
// a dump of a database, or the move of a leader.
type Arounder interface {
	// Around says what, for a host that runs the component. A change is a restart
	// of one of the component's units there, and a reboot of the host.
	//
	// before is done only where there is such a change, in its order; after, in
	// its order, once all of the change is done. after is compared in every plan:
	// its Observe finds something to change as long as before was done and after
	// was not, so that the run after one that was killed ends what that began.
	// Hosts that give the same addresses share them: before comes ahead of the
	// first host's change, after behind the last one's. Pure.
	Around(c *Cluster, host inventory.Host) (before, after []resource.Resource)
}
