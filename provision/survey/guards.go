package survey

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
func (sv *Surveyor) rollout() plan.Rollout {
	workers := 0
	for _, h := range sv.Fleet.Inventory.Hosts {
		if h.Joins() && !h.Keeper() {
			workers++
		}
	}
	return plan.Rollout{MaxUnavailable: sv.Fleet.Inventory.Rollout.AtOnce(workers), Canary: sv.Fleet.Inventory.Rollout.Canary}
}

// draining is how Nodes are emptied for a change of their hosts.
func (sv *Surveyor) draining() drain.Spec {
	settings := sv.Fleet.Inventory.Rollout
	return drain.Spec{Unmanaged: settings.EvictUnmanaged, Timeout: settings.DrainTimeout, Rollout: true}
}

// guards say what stands around changes that need a Node empty.
func (sv *Surveyor) guards() map[string]desired.Guard {
	guards, isolated := map[string]desired.Guard{}, sv.Isolated()
	answered := sv.Fleet.Answered(sv.Fleet.Inventory)
	open := slices.DeleteFunc(slices.Clone(answered), func(h inventory.Host) bool { return !h.Joins() || isolated[h.Name] })
	for _, h := range answered {
		guard := desired.Guard{Keeper: h.Keeper()}
		if h.Joins() && !isolated[h.Name] { // those are empty
			spec := sv.draining()
			spec.ReadyOnly = true
			guard.Drain = resource.New(resource.ClusterHost, drain.Name, h.Name, spec).After(desired.GateAddress(GateAPI))
			guard.Drain.Component = "nodes"
			guard.Uncordon = uncordonOf(h).Address
			guard.Unit = kubelet.Unit
			guard.Alone = !anotherPlace(h, open)
		}
		guards[h.Name] = guard
	}
	return guards
}

// anotherPlace reports whether another of the Nodes can take the host's pods. Those
// on a master that is no worker run on any master, too.
func anotherPlace(h inventory.Host, nodes []inventory.Host) bool {
	return slices.ContainsFunc(nodes, func(other inventory.Host) bool {
		return other.Name != h.Name && (other.Has(inventory.RoleNode) || !h.Has(inventory.RoleNode))
	})
}

// uncordonOf lets pods onto a host's Node again, if provision kept them off.
func uncordonOf(h inventory.Host) resource.Resource {
	r := resource.New(resource.ClusterHost, uncordon.Name, h.Name, uncordon.Spec{Rollout: true}).
		After(desired.GateAddress(GateAPI), component.UnitAt(h.Name, kubelet.Unit), component.UnitAt(h.Name, containerd.Unit))
	r.Component = "nodes"
	return r
}
