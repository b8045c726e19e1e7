package plan

import (
	"fmt"
	"maps"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/identity"
)

// guards puts drains, uncordons and waves around the steps of a plan that need
// Nodes without pods, and waves around settings whose wrong value takes a Node
// out of service. It works on the plan as it will be run, so what a target
// leaves out needs no guard.
type guards struct {
	p       *Plan
	in      Input
	through *through
	at      map[resource.Address]int // place among the plan's steps
	turns   []*turn
	owner   map[resource.Address]*turn    // of steps that wait for a turn
	free    map[resource.Address]bool     // steps that should and cannot wait
	ready   map[string][]resource.Address // by host, what is done before its drain
}

func guard(p *Plan, in Input, through *through) *guards {
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
	return g
}

// find is who takes a turn.
func (g *guards) find() {
	byHost := map[string][]resource.Address{}
	for _, s := range g.p.Steps {
		if !s.Address.IsCluster() && (g.drains(s) || g.travels(s)) && !g.free[s.Address] {
			byHost[s.Address.Host] = append(byHost[s.Address.Host], s.Address)
		}
	}
	g.turns, g.owner = nil, map[resource.Address]*turn{}
	for _, host := range slices.Sorted(maps.Keys(g.in.Graph.Guards)) {
		t := &turn{host: host, guard: g.in.Graph.Guards[host], steps: byHost[host], empties: slices.ContainsFunc(byHost[host], g.empties)}
		_, uncordons := g.at[t.guard.Uncordon]
		t.ours = uncordons && len(g.in.Objects[t.guard.Uncordon].Changes) > 0
		// Where no kubelet runs no pod could be told to end, and on a host that
		// is being installed there is none.
		seen := g.in.Hosts[host].Result
		t.unproven = len(seen.Unproven) > 0
		runs := slices.Contains(seen.Running, t.guard.Unit) && (t.unproven || !g.ill(t, seen))
		t.drain = t.empties && runs && !t.guard.Alone && t.guard.Drain.Address != resource.Address{}
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

// empties reports whether the step needs the Node empty.
func (g *guards) empties(a resource.Address) bool { return g.drains(g.p.Steps[g.at[a]]) }

// travels reports whether the step is a setting of a unit that changes in waves,
// or the restart that it causes.
func (g *guards) travels(s Step) bool {
	r, _ := g.in.Graph.Get(s.Address)
	if s.Act == Restart {
		return slices.ContainsFunc(s.Causes, func(a resource.Address) bool { return Travels(r, a) })
	}
	return s.Action != Remove && slices.ContainsFunc(r.Triggers, func(t resource.Trigger) bool {
		unit := component.UnitAt(s.Address.Host, t.Unit)
		_, acts := g.at[unit]
		on, _ := g.in.Graph.Get(unit)
		return acts && t.Action == resource.Restart && Travels(on, s.Address)
	})
}

// Travels reports whether the change of an input of the unit waits for the turn of
// its host: settings do. Certificates and the identity have ways of their own.
func Travels(unit resource.Resource, input resource.Address) bool {
	return unit.Waves && !input.IsCluster() && input.Kind != cert.Kind && input.Kind != identity.Kind
}

// ill reports whether a host has nothing to lose: its kubelet, or a unit that is
// restarted in waves, does not work as it is. It waits for nobody, and nobody for
// it, or one broken host would hold up all others, and what fixes it too. What
// takes pods away keeps to the waves.
func (g *guards) ill(t *turn, seen api.PlanResult) bool {
	return slices.ContainsFunc(seen.Ill, func(name string) bool {
		at, acts := g.at[component.UnitAt(t.host, name)]
		return name == t.guard.Unit || acts && !t.empties && g.travels(g.p.Steps[at])
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
		how := "without draining its Node"
		if !g.empties(a) {
			how = "before the turn of its host"
		}
		g.p.Warnings = append(g.p.Warnings, fmt.Sprintf("%s is done %s: hosts with earlier turns wait for it", a, how))
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
