package nodes

import (
	"slices"

	"provision/provision/component"
	"provision/provision/component/containerd"
	"provision/provision/component/kubelet"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/drain"
	"provision/provision/resource/uncordon"
)

// The barriers of Nodes.
const (
	barrierReady = "nodes-ready" // every Node is Ready
	barrierPlace = "kubelet"     // one kubelet runs, so that pods have a place
)

// PlaceAt is the barrier behind which pods have a place to run.
func PlaceAt() resource.Address { return component.BarrierAt(barrierPlace) }

func barriers(c *component.Cluster) []component.Barrier {
	ready := component.Barrier{Address: component.BarrierAt(barrierReady), Need: 1, Settle: true,
		After: []resource.Address{component.APIAt()}, Proof: component.NodesReady}
	place := component.Barrier{Address: PlaceAt()}
	for _, h := range c.Answered() {
		if h.Joins() {
			runs := component.UnitAt(h.Name, kubelet.Unit)
			place.Of = append(place.Of, runs)
			ready.Of = append(ready.Of, runs, component.UnitAt(h.Name, containerd.Unit))
		}
	}
	place.Need = min(1, len(place.Of))
	return []component.Barrier{ready, place}
}

// draining is how Nodes are emptied for a change of their hosts.
func draining(inv *inventory.Inventory) drain.Spec {
	return drain.Spec{Unmanaged: inv.Rollout.EvictUnmanaged, Timeout: inv.Rollout.DrainTimeout, Rollout: true}
}

// DrainAt is the address of what empties the Node of a host.
func DrainAt(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: drain.Name, Name: host}
}

// UncordonAt is the address of what lets pods onto the Node of a host again.
func UncordonAt(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: uncordon.Name, Name: host}
}

// guards say what stands around changes that need a Node empty.
func guards(c *component.Cluster) map[string]component.Guard {
	list := map[string]component.Guard{}
	answered := c.Answered()
	open := slices.DeleteFunc(slices.Clone(answered), func(h inventory.Host) bool { return !h.Joins() || c.Isolated[h.Name] })
	for _, h := range answered {
		guard := component.Guard{Keeper: h.Keeper()}
		if h.Joins() && !c.Isolated[h.Name] { // those are empty
			spec := draining(c.Inventory)
			spec.ReadyOnly = true
			guard.Drain = resource.New(resource.ClusterHost, drain.Name, h.Name, spec).After(component.APIAt())
			guard.Drain.Component = Name
			guard.Uncordon = UncordonAt(h.Name)
			guard.Unit = kubelet.Unit
			guard.Alone = !anotherPlace(h, open)
		}
		list[h.Name] = guard
	}
	return list
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
	return resource.New(resource.ClusterHost, uncordon.Name, h.Name, uncordon.Spec{Rollout: true}).
		After(component.APIAt(), component.UnitAt(h.Name, kubelet.Unit), component.UnitAt(h.Name, containerd.Unit))
}

// Schedulable says whether pods go to a host's Node.
func Schedulable(c *component.Cluster, h inventory.Host) resource.Resource {
	named := c.Isolation.Names(h.Name)
	switch {
	case c.Isolated[h.Name]:
		// Once it is isolated its pods are nobody's business but that of who looks
		// into it.
		spec := drain.Spec{Stay: true}
		if named {
			spec = drain.Spec{ReadyOnly: true, Unmanaged: c.Isolation.Unmanaged, Timeout: c.Isolation.Timeout}
		}
		return resource.New(resource.ClusterHost, drain.Name, h.Name, spec).After(component.APIAt(), component.NodeAt(h.Name))
	case named:
		return resource.New(resource.ClusterHost, uncordon.Name, h.Name, uncordon.Spec{Isolated: true}).
			After(component.APIAt(), component.UnitAt(h.Name, kubelet.Unit), component.NodeAt(h.Name))
	}
	return uncordonOf(h)
}
