package plan

import (
	"cmp"
	"slices"

	"provision/provision/desired"
	"provision/provision/resource"
)

// through finds which steps an edge leads to: an edge to a resource that does
// not change leads on to what that resource requires.
type through struct {
	b     *builder
	gates map[resource.Address]desired.Gate
	known map[resource.Address][]resource.Address
}

func newThrough(b *builder) *through {
	t := &through{b: b, gates: map[resource.Address]desired.Gate{}, known: map[resource.Address][]resource.Address{}}
	for _, gate := range b.in.Graph.Gates {
		t.gates[gate.Address] = gate
	}
	return t
}

// steps returns the steps that the edges in wants lead to, sorted, without self.
func (t *through) steps(self resource.Address, wants []resource.Address) []resource.Address {
	found := map[resource.Address]bool{}
	for _, want := range wants {
		for _, a := range t.resolve(want) {
			if a != self {
				found[a] = true
			}
		}
	}
	list := make([]resource.Address, 0, len(found))
	for a := range found {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b resource.Address) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	if len(list) == 0 {
		return nil
	}
	return list
}

// resolve follows an edge. The graph has no cycles, so this ends.
func (t *through) resolve(a resource.Address) []resource.Address {
	if _, step := t.b.steps[a]; step {
		return []resource.Address{a}
	}
	if known, ok := t.known[a]; ok {
		return known
	}
	var next []resource.Address
	if r, ok := t.b.in.Graph.Get(a); ok {
		next = r.Requires
	}
	if gate, ok := t.gates[a]; ok {
		next = append(append([]resource.Address(nil), gate.Of...), gate.After...)
	}
	var list []resource.Address
	for _, need := range next {
		list = append(list, t.resolve(need)...)
	}
	list = dedupe(list)
	t.known[a] = list
	return list
}

func dedupe(list []resource.Address) []resource.Address {
	seen := map[resource.Address]bool{}
	var kept []resource.Address
	for _, a := range list {
		if !seen[a] {
			seen[a] = true
			kept = append(kept, a)
		}
	}
	return kept
}
