package plan

import (
	"slices"

	"provision/provision/desired"
	"provision/provision/resource"
)

// own are the edges that the plan itself gave to steps, before those of the
// graph are added.
func (b *builder) own() map[resource.Address][]resource.Address {
	own := map[resource.Address][]resource.Address{}
	for a, s := range b.steps {
		own[a] = slices.Clone(s.Requires)
	}
	return own
}

// narrow keeps of the edges those that what is done to single hosts takes:
// what the plan put around it, what is done on a host that leaves, and what
// feeds the same component of the same host. The graph's other edges lead to
// changes that wait for an apply, such as a new flag of all API servers, which
// nobody asked for who isolates a host at night. Hosts that join wait, too.
func (b *builder) narrow(p *Plan, hard, own map[resource.Address][]resource.Address) map[resource.Address][]resource.Address {
	kept := map[resource.Address][]resource.Address{}
	for a, needs := range hard {
		for _, need := range needs {
			if slices.Contains(own[a], need) || b.belongs(a, need) {
				kept[a] = append(kept[a], need)
			}
		}
	}
	for i := range p.Steps {
		p.Steps[i].Of = slices.DeleteFunc(slices.Clone(p.Steps[i].Of), func(a resource.Address) bool { return b.in.Hosts[a.Host].New })
	}
	return kept
}

// belongs reports whether a step that another requires is part of the same
// matter.
func (b *builder) belongs(a, need resource.Address) bool {
	switch {
	case need.Kind == desired.GateKind:
		return false
	case b.in.Leaving[need.Host].Whole:
		return true
	case a.Host != need.Host:
		return false
	case a.IsCluster():
		return a.Name == need.Name
	}
	return b.steps[a].Component == b.steps[need].Component
}
