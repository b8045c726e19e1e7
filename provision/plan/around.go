package plan

import (
	"slices"

	"provision/provision/desired"
	"provision/provision/resource"
)

// around puts what components want before and after changes of their hosts around
// these. Like drains it works on the plan as it will be run.
func (g *guards) around() {
	for _, b := range g.in.Graph.Brackets {
		if inner := g.changes(b); len(inner) > 0 {
			g.surround(b, inner)
		}
	}
}

// changes are the steps that a bracket is about.
func (g *guards) changes(b desired.Bracket) []resource.Address {
	var list []resource.Address
	for _, s := range g.p.Steps {
		if slices.Contains(b.Hosts, s.Address.Host) && (s.Address.Kind == RebootKind || s.Act == Restart && s.Component == b.Component) {
			list = append(list, s.Address)
		}
	}
	return list
}

// surround lets the steps wait for what is before them, what is after them wait
// for the steps, and all else that waits for them wait for that, too: the next
// host's turn comes when this one's is over.
func (g *guards) surround(b desired.Bracket, inner []resource.Address) {
	behind := g.behind(inner)
	var needs []resource.Address
	for _, a := range inner {
		needs = append(needs, g.needs(a)...)
	}
	var last []resource.Address
	for _, r := range b.Before {
		if _, planned := g.at[r.Address]; !planned {
			g.add(g.bracketStep(b, r.Address, "before"))
		}
		wants := slices.Concat(needs, g.through.steps(r.Address, r.Requires))
		wants = slices.DeleteFunc(g.present(wants), func(a resource.Address) bool { return behind[a] })
		g.require(r.Address, slices.Concat(wants, last))
		last = []resource.Address{r.Address}
	}
	for _, a := range inner {
		g.require(a, last)
	}
	last = inner
	for _, a := range b.After {
		if _, planned := g.at[a]; !planned {
			s := g.bracketStep(b, a, "after")
			r, _ := g.in.Graph.Get(a)
			s.Requires = g.present(g.through.steps(a, r.Requires))
			g.add(s)
		}
		g.require(a, last)
		last = []resource.Address{a}
	}
	if len(b.After) == 0 {
		return
	}
	ahead := g.ahead(last)
	for _, s := range g.p.Steps {
		waits := slices.ContainsFunc(g.needs(s.Address), func(a resource.Address) bool { return slices.Contains(inner, a) })
		if waits && !slices.Contains(inner, s.Address) && !ahead[s.Address] {
			g.require(s.Address, last)
		}
	}
}

func (g *guards) bracketStep(b desired.Bracket, a resource.Address, when string) Step {
	return Step{Address: a, Action: Update, Component: b.Component,
		Changes: []resource.Change{{Field: when, New: "changes of " + b.Component}}}
}

// behind are the steps of a list, and those that wait for one of them.
func (g *guards) behind(list []resource.Address) map[resource.Address]bool {
	waiting := map[resource.Address][]resource.Address{}
	for _, s := range g.p.Steps {
		for _, need := range g.needs(s.Address) {
			waiting[need] = append(waiting[need], s.Address)
		}
	}
	return closure(list, func(a resource.Address) []resource.Address { return waiting[a] })
}

// ahead are the steps of a list, and those that one of them waits for.
func (g *guards) ahead(list []resource.Address) map[resource.Address]bool {
	return closure(list, g.needs)
}

func closure(list []resource.Address, next func(resource.Address) []resource.Address) map[resource.Address]bool {
	seen := map[resource.Address]bool{}
	for todo := slices.Clone(list); len(todo) > 0; {
		a := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[a] {
			seen[a] = true
			todo = append(todo, next(a)...)
		}
	}
	return seen
}
