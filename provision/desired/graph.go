package desired

import (
	"fmt"
	"maps"
	"sort"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
)

// Gate is a barrier of the graph.
type Gate = component.Barrier

// Guard is what stands around the changes of a host that need its Node empty.
type Guard = component.Guard

// GateKind is the kind in the addresses of gates.
const GateKind = component.BarrierKind

// GateAddress is the address of a gate: cluster/gate["etcd"].
func GateAddress(name string) resource.Address { return component.BarrierAt(name) }

// Graph is everything wanted, in an order in which nothing comes before what it
// requires, and which does not depend on the order of hosts in the inventory.
type Graph struct {
	Resources []resource.Resource
	Gates     []Gate
	// OneAtATime are the components whose running units are restarted on one
	// host after the other.
	OneAtATime map[string]bool
	// Tiers are those of the components that have one.
	Tiers map[string]component.Tier
	// Guards are, by host, what stands around changes that need its Node empty.
	Guards map[string]Guard
	// Leaves are, by host that leaves, what of the cluster goes before and after
	// what is removed there.
	Leaves map[string]component.Leave
	// Brackets are what components want done around changes of their hosts.
	Brackets []Bracket

	byAddress map[resource.Address]resource.Resource
}

// Get returns the resource at an address.
func (g *Graph) Get(a resource.Address) (resource.Resource, bool) {
	r, ok := g.byAddress[a]
	return r, ok
}

// ByHost returns the resources of each host, in order; with what is done there
// before changes only, which is no reason to take away what it left.
func (g *Graph) ByHost() map[string][]resource.Resource {
	hosts := map[string][]resource.Resource{}
	for _, b := range g.Brackets {
		for _, r := range b.Before {
			hosts[r.Address.Host] = append(hosts[r.Address.Host], r)
		}
	}
	for _, r := range g.Resources {
		hosts[r.Address.Host] = append(hosts[r.Address.Host], r)
	}
	return hosts
}

// Input is what Build needs.
type Input struct {
	Cluster    *component.Cluster
	Components []component.Component
	// Hosts to build for; others of the inventory did not answer and are left
	// out, but stay known to components through Cluster.Inventory.
	Hosts []inventory.Host
	// Objects are further cluster-scoped resources, such as releases, and Gates
	// and Guards beside those of components.
	Objects []resource.Resource
	Gates   []Gate
	Guards  map[string]Guard
}

// Build returns the graph, or an error that names a bug of a component.
func Build(in Input) (*Graph, error) {
	g := &Graph{
		OneAtATime: map[string]bool{},
		Tiers:      map[string]component.Tier{},
		Guards:     maps.Clone(in.Guards),
		Leaves:     map[string]component.Leave{},
		byAddress:  map[resource.Address]resource.Resource{},
	}
	known := *in.Cluster
	known.Components = in.Components
	in.Cluster = &known
	for _, c := range in.Components {
		g.OneAtATime[c.Name()] = c.Rollout() == component.OneAtATime
		if tiered, ok := c.(component.Tiered); ok {
			g.Tiers[c.Name()] = tiered.Tier()
		}
		for _, host := range in.Hosts {
			if !c.Runs(in.Cluster, host) {
				continue
			}
			wanted, err := c.Desired(in.Cluster, host)
			if err != nil {
				return nil, fmt.Errorf("working out %s for host %s: %w", c.Name(), host.Name, err)
			}
			for _, r := range wanted {
				r.Component = c.Name()
				if err := g.add(r, host.Name); err != nil {
					return nil, err
				}
			}
			if err := g.bracket(c, in, host); err != nil {
				return nil, err
			}
		}
	}
	if err := g.wide(in); err != nil {
		return nil, err
	}
	if err := g.guard(g.Guards); err != nil {
		return nil, err
	}
	answered := map[string]bool{resource.ClusterHost: true}
	for _, host := range in.Hosts {
		answered[host.Name] = true
	}
	if err := g.check(answered); err != nil {
		return nil, err
	}
	return g, g.sort()
}

// wide takes in the cluster's own part: that of components, and what else is given.
func (g *Graph) wide(in Input) error {
	var gates []Gate
	for _, c := range in.Components {
		clusterwide, ok := c.(component.Clusterwide)
		if !ok {
			continue
		}
		part, err := clusterwide.Clusterwide(in.Cluster)
		if err != nil {
			return fmt.Errorf("working out what %s wants of the cluster: %w", c.Name(), err)
		}
		for _, r := range part.Resources {
			r.Component = c.Name()
			if err := g.add(r, resource.ClusterHost); err != nil {
				return err
			}
		}
		gates = append(gates, part.Barriers...)
		for host, guard := range part.Guards {
			if g.Guards == nil {
				g.Guards = map[string]Guard{}
			}
			g.Guards[host] = guard
		}
		for host, leave := range part.Leaves {
			all := g.Leaves[host]
			g.Leaves[host] = component.Leave{First: append(all.First, leave.First...), Last: append(all.Last, leave.Last...)}
		}
	}
	for _, r := range in.Objects {
		if err := g.add(r, resource.ClusterHost); err != nil {
			return err
		}
	}
	g.Gates = inOrder(append(gates, in.Gates...))
	return nil
}

// inOrder puts gates behind those that they come after.
func inOrder(gates []Gate) []Gate {
	at := map[resource.Address]Gate{}
	for _, gate := range gates {
		at[gate.Address] = gate
	}
	var list []Gate
	seen := map[resource.Address]bool{}
	var put func(gate Gate)
	put = func(gate Gate) {
		if seen[gate.Address] {
			return
		}
		seen[gate.Address] = true
		for _, after := range gate.After {
			if other, ok := at[after]; ok {
				put(other)
			}
		}
		list = append(list, gate)
	}
	for _, gate := range gates {
		put(gate)
	}
	return list
}

func (g *Graph) add(r resource.Resource, host string) error {
	if r.Address.Host != host {
		return fmt.Errorf("component %s wants %s while working on %s", r.Component, r.Address, host)
	}
	if first, dup := g.byAddress[r.Address]; dup {
		return fmt.Errorf("%s is wanted by both %s and %s", r.Address, first.Component, r.Component)
	}
	g.byAddress[r.Address] = r
	g.Resources = append(g.Resources, r)
	return nil
}

// check drops edges to hosts that did not answer (the engine treats those hosts
// as failed where a gate counts them) and refuses edges into nothing.
func (g *Graph) check(answered map[string]bool) error {
	gates := map[resource.Address]bool{}
	for _, gate := range g.Gates {
		gates[gate.Address] = true
	}
	for i, r := range g.Resources {
		kept := r.Requires[:0:0]
		for _, need := range r.Requires {
			_, known := g.byAddress[need]
			switch {
			case known || gates[need]:
				kept = append(kept, need)
			case !answered[need.Host]:
			default:
				return fmt.Errorf("%s requires %s, which nobody wants", r.Address, need)
			}
		}
		for _, t := range r.Triggers {
			unit := resource.Address{Host: r.Address.Host, Kind: "unit", Name: t.Unit}
			if _, ok := g.byAddress[unit]; !ok {
				return fmt.Errorf("%s triggers %s, which nobody wants", r.Address, unit)
			}
		}
		g.Resources[i].Requires = kept
		g.byAddress[r.Address] = g.Resources[i]
	}
	return nil
}

// sort orders resources topologically; ties follow host and then the order in
// which components gave them, so that a plan reads host by host.
func (g *Graph) sort() error {
	requires := map[resource.Address][]resource.Address{}
	inputs := g.inputs()
	var order []resource.Address
	for _, r := range g.Resources {
		requires[r.Address] = append(append([]resource.Address(nil), r.Requires...), inputs[r.Address]...)
		order = append(order, r.Address)
	}
	for _, gate := range g.Gates {
		requires[gate.Address] = append(append([]resource.Address(nil), gate.Of...), gate.After...)
		order = append(order, gate.Address)
	}
	sort.SliceStable(order, func(i, j int) bool { return order[i].Host < order[j].Host })
	sorted, err := topological(order, requires)
	if err != nil {
		return err
	}
	g.Resources = g.Resources[:0]
	for _, a := range sorted {
		if r, ok := g.byAddress[a]; ok {
			r.Requires = unique(requires[a])
			g.Resources = append(g.Resources, r)
		}
	}
	for _, r := range g.Resources {
		g.byAddress[r.Address] = r
	}
	return nil
}

// inputs are, by unit, the resources that trigger it: the unit comes after them.
func (g *Graph) inputs() map[resource.Address][]resource.Address {
	inputs := map[resource.Address][]resource.Address{}
	for _, r := range g.Resources {
		for _, t := range r.Triggers {
			unit := resource.Address{Host: r.Address.Host, Kind: "unit", Name: t.Unit}
			inputs[unit] = append(inputs[unit], r.Address)
		}
	}
	return inputs
}

func unique(list []resource.Address) []resource.Address {
	seen := map[resource.Address]bool{}
	kept := list[:0:0]
	for _, a := range list {
		if !seen[a] {
			seen[a] = true
			kept = append(kept, a)
		}
	}
	return kept
}

// topological is a depth-first sort that keeps the given order where it may.
func topological(order []resource.Address, requires map[resource.Address][]resource.Address) ([]resource.Address, error) {
	const visiting, done = 1, 2
	state := map[resource.Address]int{}
	var sorted []resource.Address
	var visit func(a resource.Address) error
	visit = func(a resource.Address) error {
		switch state[a] {
		case done:
			return nil
		case visiting:
			return fmt.Errorf("%s requires itself through others", a)
		}
		state[a] = visiting
		for _, need := range requires[a] {
			if err := visit(need); err != nil {
				return fmt.Errorf("%s: %w", a, err)
			}
		}
		state[a] = done
		sorted = append(sorted, a)
		return nil
	}
	for _, a := range order {
		if err := visit(a); err != nil {
			return nil, err
		}
	}
	return sorted, nil
}
