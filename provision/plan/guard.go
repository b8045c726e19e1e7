package plan

import (
	"fmt"
	"maps"
	"slices"

	"provision/provision/resource"
)

// guards puts drains, uncordons and waves around the steps of a plan that need
// Nodes without pods. It works on the plan as it will be run, so what a target
// leaves out needs no guard.
type guards struct {
	p       *Plan
	in      Input
	through *through
	at      map[resource.Address]int // place among the plan's steps
	turns   []*turn
	owner   map[resource.Address]*turn    // of steps that need an empty Node
	free    map[resource.Address]bool     // steps that need one and cannot wait
	ready   map[string][]resource.Address // by host, what is done before its drain
}

func guard(p *Plan, in Input, through *through) {
	g := &guards{p: p, in: in, through: through, at: map[resource.Address]int{}, free: map[resource.Address]bool{}}
	for i, s := range p.Steps {
		g.at[s.Address] = i
	}
	for {
		g.find()
		p.Waves = waves(g.turns, in.Rollout)
		if !g.untangle() {
			break
		}
	}
	g.prepare()
	for _, t := range g.turns {
		g.bracket(t)
	}
	g.gates()
}

// find is who takes a turn.
func (g *guards) find() {
	byHost := map[string][]resource.Address{}
	for _, s := range g.p.Steps {
		if !s.Address.IsCluster() && g.drains(s) && !g.free[s.Address] {
			byHost[s.Address.Host] = append(byHost[s.Address.Host], s.Address)
		}
	}
	g.turns, g.owner = nil, map[resource.Address]*turn{}
	for _, host := range slices.Sorted(maps.Keys(g.in.Graph.Guards)) {
		t := &turn{host: host, guard: g.in.Graph.Guards[host], steps: byHost[host]}
		_, uncordons := g.at[t.guard.Uncordon]
		t.ours = uncordons && len(g.in.Objects[t.guard.Uncordon].Changes) > 0
		// Where no kubelet runs no pod could be told to end, and on a host that
		// is being installed there is none.
		runs := slices.Contains(g.in.Hosts[host].Result.Running, t.guard.Unit)
		t.drain = len(t.steps) > 0 && runs && !t.guard.Alone && t.guard.Drain.Address != resource.Address{}
		if !t.ours && (len(t.steps) == 0 || !runs && !g.reboots(host)) {
			continue
		}
		for _, a := range t.steps {
			g.owner[a] = t
		}
		t.ends = g.present(append(slices.Clone(t.steps), g.through.steps(t.guard.Uncordon, g.after(t))...))
		g.turns = append(g.turns, t)
	}
}

// after is what the host's uncordon requires by itself.
func (g *guards) after(t *turn) []resource.Address {
	r, _ := g.in.Graph.Get(t.guard.Uncordon)
	return r.Requires
}

func (g *guards) reboots(host string) bool {
	_, yes := g.at[RebootAddress(host)]
	return yes
}

// present are the addresses of steps that are in the plan, each once.
func (g *guards) present(list []resource.Address) []resource.Address {
	return slices.DeleteFunc(dedupe(list), func(a resource.Address) bool {
		_, yes := g.at[a]
		return !yes
	})
}

// drains reports whether the step needs the Node empty: a change that says so,
// a restart because of one (which an earlier run may have left open), or a
// reboot.
func (g *guards) drains(s Step) bool {
	if s.Address.Kind == RebootKind {
		return true
	}
	if s.Action == Remove {
		return false
	}
	r, _ := g.in.Graph.Get(s.Address)
	return r.Drains || s.Act == Restart && slices.ContainsFunc(s.Causes, func(a resource.Address) bool {
		cause, _ := g.in.Graph.Get(a)
		return cause.Drains
	})
}

// untangle finds steps that wait for a later wave in order to end an earlier
// one, and lets what they wait for go ahead undrained: else nothing would ever
// be done. It reports whether there were any.
func (g *guards) untangle() bool {
	latest := g.latest()
	found := false
	release := func(from []resource.Address, bound int) {
		for _, a := range from {
			if latest(a) >= bound {
				g.release(a, bound, map[resource.Address]bool{})
				found = true
			}
		}
	}
	for _, t := range g.turns {
		release(t.ends, t.wave+1)
		if t.drain {
			release(g.present(g.through.steps(t.guard.Drain.Address, t.guard.Drain.Requires)), t.wave)
		}
	}
	return found
}

// latest is the last wave that a step waits for, itself included; -1 for none.
func (g *guards) latest() func(resource.Address) int {
	known := map[resource.Address]int{}
	var latest func(a resource.Address) int
	latest = func(a resource.Address) int {
		if wave, ok := known[a]; ok {
			return wave
		}
		wave := -1
		if t := g.owner[a]; t != nil {
			wave = t.wave
		}
		known[a] = wave
		for _, need := range g.needs(a) {
			wave = max(wave, latest(need))
		}
		known[a] = wave
		return wave
	}
	return latest
}

func (g *guards) needs(a resource.Address) []resource.Address {
	i, ok := g.at[a]
	if !ok {
		return nil
	}
	return slices.Concat(g.p.Steps[i].Requires, g.p.Steps[i].Of)
}

// release frees the steps of waves from bound on that a step waits for.
func (g *guards) release(a resource.Address, bound int, seen map[resource.Address]bool) {
	if seen[a] {
		return
	}
	seen[a] = true
	if t := g.owner[a]; t != nil && t.wave >= bound && !g.free[a] {
		g.free[a] = true
		g.p.Warnings = append(g.p.Warnings, fmt.Sprintf("%s is done without draining its Node: other hosts, whose turns come before, wait for it", a))
	}
	for _, need := range g.needs(a) {
		g.release(need, bound, seen)
	}
}

// nothingToUncordon leaves out uncordons that nobody can need: of clusters that
// are new, and of Nodes on which no kubelet runs while the API does not tell.
func (b *builder) nothingToUncordon(a resource.Address, seen ClusterObserved) bool {
	guard, guarded := b.in.Graph.Guards[a.Name]
	if !guarded || guard.Uncordon != a || !seen.Unknown {
		return false
	}
	return b.in.UUID == "" || !slices.Contains(b.in.Hosts[a.Name].Result.Running, guard.Unit)
}
