package plan

import (
	"slices"

	"provision/provision/component"
	"provision/provision/resource"
	"provision/provision/resource/unit"
)

// down are the units of components that do not work, on hosts that had them: they
// are dead, or start again and again. A run that put something into place which
// does not come up leaves such a unit; the next run must not do the same to the
// hosts that still serve.
func (b *builder) down(of func(component string) bool) []resource.Address {
	var list []resource.Address
	for _, r := range b.in.Graph.Resources {
		s := b.steps[r.Address]
		if s == nil || r.Address.Kind != unit.Kind || s.Action != Update || !of(r.Component) {
			continue
		}
		if slices.ContainsFunc(s.Changes, func(c resource.Change) bool { return c.Field == unit.FieldActive }) {
			list = append(list, r.Address)
		}
	}
	return list
}

func (b *builder) downOf(tier component.Tier) []resource.Address {
	return b.down(func(name string) bool { return b.in.Graph.Tiers[name] == tier })
}

// chain lets restarts go from host to host in the order of the list. First come
// the hosts that are down, all at once, because they may need one another; no
// other restarts before they are fixed, nor if they cannot be.
func (b *builder) chain(units, down []resource.Address) {
	ill := map[string]bool{}
	for _, a := range down {
		ill[a.Host] = ill[a.Host] || len(b.free([]resource.Address{a}, units...)) > 0
	}
	var first []resource.Address
	for _, a := range slices.Concat(units, down) {
		if ill[a.Host] {
			delete(b.turns, a)
			first = append(first, a)
		}
	}
	first = dedupe(first)
	host, last, current := "", []resource.Address(nil), []resource.Address(nil)
	for _, a := range units {
		if ill[a.Host] {
			continue
		}
		if a.Host != host {
			host, last, current = a.Host, current, nil
		}
		b.turns[a] = slices.Concat(last, first)
		current = append(current, a)
	}
}

// free are those of a list that need none of the units of other hosts: who is to
// become a member again needs those that are, and they cannot wait for him.
func (b *builder) free(list []resource.Address, units ...resource.Address) []resource.Address {
	var kept []resource.Address
	for _, a := range list {
		if !b.needs(a, func(other resource.Address) bool { return other.Host != a.Host && slices.Contains(units, other) }) {
			kept = append(kept, a)
		}
	}
	return kept
}

// needs reports whether a way along what is required leads from the address to
// one of the wanted.
func (b *builder) needs(from resource.Address, wanted func(resource.Address) bool) bool {
	gates := newThrough(b).gates
	seen := map[resource.Address]bool{}
	var visit func(a resource.Address) bool
	visit = func(a resource.Address) bool {
		if seen[a] {
			return false
		}
		seen[a] = true
		var next []resource.Address
		if r, ok := b.in.Graph.Get(a); ok {
			next = r.Requires
		}
		if gate, ok := gates[a]; ok {
			next = slices.Concat(next, gate.Of, gate.After)
		}
		return slices.ContainsFunc(next, func(n resource.Address) bool { return wanted(n) || visit(n) })
	}
	return visit(from)
}
