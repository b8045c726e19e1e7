package provision

import (
	"slices"

	"provision/provision/component"
	"provision/provision/component/containerd"
	"provision/provision/component/kubelet"
	"provision/provision/desired"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/drain"
	"provision/provision/resource/uncordon"
)

// rollout bounds the waves. Only workers are counted: masters and etcd hosts go
// one by one anyway.
func (o *Operator) rollout() plan.Rollout {
	workers := 0
	for _, h := range o.Inventory.Hosts {
		if h.Joins() && !keeper(h) {
			workers++
		}
	}
	return plan.Rollout{MaxUnavailable: o.Inventory.Rollout.AtOnce(workers), Canary: o.Inventory.Rollout.Canary}
}

// guards say what stands around changes that need a Node empty.
func (o *Operator) guards() map[string]desired.Guard {
	settings := o.Inventory.Rollout
	guards := map[string]desired.Guard{}
	for _, h := range o.fleet.answered(o.Inventory) {
		guard := desired.Guard{Keeper: keeper(h)}
		if h.Joins() && !o.isolated()[h.Name] { // those are empty
			spec := drain.Spec{Unmanaged: settings.EvictUnmanaged, Timeout: settings.DrainTimeout, ReadyOnly: true, Rollout: true}
			guard.Drain = resource.New(resource.ClusterHost, drain.Name, h.Name, spec).After(desired.GateAddress(gateAPI))
			guard.Drain.Component = "nodes"
			guard.Uncordon = uncordonOf(h).Address
			guard.Unit = kubelet.Unit
			guard.Alone = !o.elsewhere(h)
		}
		guards[h.Name] = guard
	}
	return guards
}

// elsewhere reports whether another Node can take the host's pods. Those on a
// master that is no worker run on any master, too.
func (o *Operator) elsewhere(h inventory.Host) bool {
	return slices.ContainsFunc(o.fleet.answered(o.Inventory), func(other inventory.Host) bool {
		return other.Name != h.Name && other.Joins() && (other.Has(inventory.RoleNode) || !h.Has(inventory.RoleNode))
	})
}

// uncordonOf lets pods onto a host's Node again, if provision kept them off.
func uncordonOf(h inventory.Host) resource.Resource {
	r := resource.New(resource.ClusterHost, uncordon.Name, h.Name, uncordon.Spec{Rollout: true}).
		After(desired.GateAddress(gateAPI), component.UnitAt(h.Name, kubelet.Unit), component.UnitAt(h.Name, containerd.Unit))
	r.Component = "nodes"
	return r
}
