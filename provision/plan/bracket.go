package plan

import (
	"fmt"
	"slices"

	"provision/provision/resource"
)

// bracket puts a host's drain before the steps that need it, and its uncordon
// after them. What else changes there is done beforehand, so that the Node is
// away for as short as possible.
func (g *guards) bracket(t *turn) {
	if t.guard.Alone && t.empties && t.guard.Drain.Address != (resource.Address{}) {
		g.p.Warnings = append(g.p.Warnings, fmt.Sprintf("host %s is changed without a drain: no other Node can take its pods", t.host))
	}
	before := g.previous(t)
	if t.drain {
		drain := t.guard.Drain
		needs := append(g.through.steps(drain.Address, drain.Requires), g.ready[t.host]...)
		g.add(Step{Address: drain.Address, Action: Update, Component: drain.Component,
			Requires: append(g.present(needs), before...),
			Changes:  []resource.Change{{Field: "schedulable", Old: "yes", New: "no"}, {Field: "pods", New: "evicted"}}})
		before = []resource.Address{drain.Address}
	}
	for _, a := range t.steps {
		g.require(a, before)
	}
	if !t.uncordons() {
		return
	}
	if _, planned := g.at[t.guard.Uncordon]; !planned {
		r, _ := g.in.Graph.Get(t.guard.Uncordon)
		g.add(Step{Address: t.guard.Uncordon, Action: Update, Component: r.Component,
			Changes: []resource.Change{{Field: "schedulable", Old: "no", New: "yes"}}})
	}
	g.require(t.guard.Uncordon, t.ends)
	t.ends = []resource.Address{t.guard.Uncordon}
}

// previous is the gate of the wave before the host's.
func (g *guards) previous(t *turn) []resource.Address {
	if t.wave == 0 {
		return nil
	}
	return []resource.Address{WaveGate(t.wave)} // counted from 1
}

// prepare notes the steps of each host that put things into place and need no
// empty Node.
func (g *guards) prepare() {
	latest := g.latest()
	waves := map[string]int{}
	for _, t := range g.turns {
		waves[t.host] = t.wave
	}
	g.ready = map[string][]resource.Address{}
	for _, s := range g.p.Steps {
		host := s.Address.Host
		wave, takes := waves[host]
		moves := s.Act != "" || s.Action == Remove || s.Address.Kind == "unit"
		if takes && !moves && latest(s.Address) < wave {
			g.ready[host] = append(g.ready[host], s.Address)
		}
	}
}

// gates let each wave begin after the one before.
func (g *guards) gates() {
	for number := 1; number < len(g.p.Waves); number++ {
		s := Step{Address: WaveGate(number), Action: Wait}
		for _, t := range g.turns {
			if t.wave+1 == number {
				s.Of = append(s.Of, t.ends...)
			}
		}
		s.Need = len(s.Of)
		g.add(s)
	}
}

func (g *guards) add(s Step) {
	g.at[s.Address] = len(g.p.Steps)
	g.p.Steps = append(g.p.Steps, s)
}

func (g *guards) require(a resource.Address, needs []resource.Address) {
	s := &g.p.Steps[g.at[a]]
	for _, need := range needs {
		if need != a && !slices.Contains(s.Requires, need) {
			s.Requires = append(slices.Clip(s.Requires), need)
		}
	}
}
