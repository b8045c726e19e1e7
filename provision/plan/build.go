package plan

import (
	"sort"
	"time"

	"provision/provision/agent/api"
	"provision/provision/desired"
	"provision/provision/removal"
	"provision/provision/resource"
)

// Observed is what one host answered.
type Observed struct {
	Result api.PlanResult
	New    bool // the host belongs to no cluster yet
	// JoinIdentity is set when the host lacks (parts of) the identity.
	JoinIdentity bool
	Err          error
}

// ClusterObserved is the comparison of one cluster-scoped resource.
type ClusterObserved struct {
	Changes []resource.Change
	// Unknown is set when the cluster cannot answer yet.
	Unknown bool
	Err     error
}

// Input is what Build needs.
type Input struct {
	Cluster, UUID, Target, Inventory string
	Now                              time.Time
	Graph                            *desired.Graph
	Hosts                            map[string]Observed
	Objects                          map[resource.Address]ClusterObserved
	Warnings                         []string
	Environment                      string
	// EtcdWas and EtcdIs are set when etcd has another cluster id than recorded.
	EtcdWas, EtcdIs string
	// Removals are what the inventory takes away from the cluster.
	Removals removal.Set
	// Targets limit the plan when there are any.
	Targets []Target
	// Narrow plans leave out what targets only come after: changes of other
	// hosts and components that wait for an apply.
	Narrow bool
	// Forming is what must be done before etcd's cluster id is recorded; empty
	// when it is known.
	Forming []resource.Address
	// Leaving are hosts that lose roles, or leave the cluster, by name.
	Leaving map[string]Leave
	// Rollout bounds the waves of hosts whose Nodes are emptied.
	Rollout Rollout
	// Isolating are hosts that go out of service, or come back into it.
	Isolating map[string]Isolating
	// Snapshots are the steps that keep etcd's data before the control plane is
	// upgraded; none when its versions stay.
	Snapshots []resource.Address
	// Reregistered are the units of hosts that must restart if they run, because of a
	// change of a cluster-scoped resource.
	Reregistered map[string]Reregistered
	// Reboots are the hosts to reboot once all else is done there.
	Reboots map[string]Boot
	// Ledger is what the cluster's ledger says.
	Ledger Ledger
	// RebootsOpen: an earlier run was to reboot hosts and has not come to its end.
	RebootsOpen bool
}

// Reregistered are units that must restart, because their Node is registered again.
type Reregistered struct {
	Cause resource.Address
	Units []string
}

// Build compares and orders. It is pure.
func Build(in Input) *Plan {
	b := builder{in: in, steps: map[resource.Address]*Step{},
		turns: map[resource.Address][]resource.Address{}, early: map[resource.Address][]resource.Address{}}
	b.identity()
	for _, r := range in.Graph.Resources {
		b.resource(r)
	}
	b.units()
	b.objects()
	b.ledger()
	b.gates()
	b.oneAtATime()
	b.upgrades()
	b.removals()
	b.imagesLast()
	b.leaves()
	b.isolating()
	b.reboots()
	return b.finish()
}

type builder struct {
	in    Input
	steps map[resource.Address]*Step
	order []resource.Address
	items map[string]map[string]api.PlanItem // by host and ID
	// turns are the steps whose turn comes before, by step: an order, not a need.
	turns map[resource.Address][]resource.Address
	// early are the units that must restart after a removal, by what is removed.
	early map[resource.Address][]resource.Address
}

func (b *builder) put(s Step) *Step {
	b.steps[s.Address] = &s
	b.order = append(b.order, s.Address)
	return &s
}

func (b *builder) hostNames() []string {
	names := make([]string, 0, len(b.in.Hosts))
	for name := range b.in.Hosts {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (b *builder) item(a resource.Address) (api.PlanItem, bool) {
	if b.items == nil {
		b.items = map[string]map[string]api.PlanItem{}
		for host, seen := range b.in.Hosts {
			byID := map[string]api.PlanItem{}
			for _, item := range seen.Result.Items {
				byID[item.ID] = item
			}
			b.items[host] = byID
		}
	}
	item, ok := b.items[a.Host][a.ID()]
	return item, ok
}

// resource plans one host resource that differs.
func (b *builder) resource(r resource.Resource) {
	if r.Address.IsCluster() {
		return
	}
	item, differs := b.item(r.Address)
	if !differs {
		return
	}
	s := Step{Address: r.Address, Action: Update, Component: r.Component,
		Changes: item.Changes, Irreversible: item.Irreversible}
	for _, c := range item.Changes {
		if c.Create {
			s.Action = Create
		}
	}
	if item.Error != nil {
		s.Action = Unknown
		s.Changes = append(s.Changes, resource.Change{Field: "error", New: item.Error.Message})
	}
	b.put(s)
}

// units plans restarts and reloads: because an input changes now, or because
// one changed in an earlier run that did not get to the restart.
func (b *builder) units() {
	act := map[resource.Address]Action{}
	causes := map[resource.Address][]resource.Address{}
	add := func(unit resource.Address, action resource.TriggerAction, cause resource.Address) {
		if act[unit] != Restart {
			act[unit] = Action(action)
		}
		causes[unit] = append(causes[unit], cause)
	}
	running := map[resource.Address]bool{}
	unitAt := func(host, name string) resource.Address {
		return resource.Address{Host: host, Kind: "unit", Name: name}
	}
	for host, seen := range b.in.Hosts {
		for _, name := range seen.Result.Running {
			running[unitAt(host, name)] = true
		}
		for name, open := range seen.Result.Restarts {
			cause, err := resource.ParseAddress(open.Cause)
			if err != nil {
				cause = unitAt(host, name)
			}
			add(unitAt(host, name), resource.TriggerAction(open.Action), cause)
			running[unitAt(host, name)] = true
		}
		for name, setting := range seen.Result.Unproven {
			if cause, err := resource.ParseAddress(setting); err == nil {
				add(unitAt(host, name), resource.Restart, cause)
			}
		}
	}
	for _, r := range b.in.Graph.Resources {
		if _, changes := b.steps[r.Address]; !changes {
			continue
		}
		for _, t := range r.Triggers {
			if unit := unitAt(r.Address.Host, t.Unit); running[unit] {
				add(unit, t.Action, r.Address)
			}
		}
	}
	for host, one := range b.in.Reregistered {
		for _, name := range one.Units {
			if unit := unitAt(host, name); running[unit] {
				add(unit, resource.Restart, one.Cause)
			}
		}
	}
	for host, seen := range b.in.Hosts {
		for _, gone := range seen.Result.Removed {
			a, err := ledgerAddress(host, gone)
			for name, action := range gone.Triggers {
				if unit := unitAt(host, name); err == nil && running[unit] {
					add(unit, resource.TriggerAction(action), a)
					b.early[a] = append(b.early[a], unit)
				}
			}
		}
	}
	for _, r := range b.in.Graph.Resources {
		if act[r.Address] == "" {
			continue
		}
		s, exists := b.steps[r.Address]
		if !exists {
			s = b.put(Step{Address: r.Address, Action: act[r.Address], Component: r.Component})
		}
		s.Act, s.Causes = act[r.Address], dedupe(causes[r.Address])
	}
}

// objects plans cluster-scoped resources.
func (b *builder) objects() {
	for _, r := range b.in.Graph.Resources {
		seen, known := b.in.Objects[r.Address]
		if !known || !r.Address.IsCluster() {
			continue
		}
		if b.nothingToUncordon(r.Address, seen) || seen.Unknown && b.in.UUID == "" && b.in.Graph.Closes(r.Address) {
			continue
		}
		s := Step{Address: r.Address, Action: Update, Component: r.Component, Changes: seen.Changes}
		switch {
		case seen.Err != nil:
			s.Action = Unknown
			s.Changes = []resource.Change{{Field: "error", New: seen.Err.Error()}}
		case seen.Unknown && b.in.UUID == "":
			s.Action = Create
			s.Changes = []resource.Change{{Field: "object", New: r.Address.Name, Create: true}}
		case seen.Unknown:
			s.Action = Unknown
		case len(seen.Changes) == 0:
			continue
		}
		for _, c := range seen.Changes {
			if c.Create {
				s.Action = Create
			}
		}
		b.put(s)
	}
}

// gates plans those gates that matter: something they wait for changes, or
// something that changes waits for them.
func (b *builder) gates() {
	needed := map[resource.Address]bool{}
	for _, r := range b.in.Graph.Resources {
		if _, changes := b.steps[r.Address]; changes {
			for _, a := range r.Requires {
				needed[a] = true
			}
		}
	}
	for _, s := range b.steps {
		for _, a := range s.Requires {
			needed[a] = true
		}
	}
	for _, gate := range b.in.Graph.Gates {
		s := Step{Address: gate.Address, Action: Wait, Need: gate.Need, Settle: gate.Settle}
		waits := false
		for _, a := range gate.Of {
			_, changes := b.steps[a]
			switch {
			case changes:
				s.Of = append(s.Of, a)
				waits = true
			case b.in.Hosts[a.Host].Err == nil:
				s.Met++
			}
		}
		for _, a := range gate.After {
			if _, changes := b.steps[a]; changes {
				waits = true
			}
		}
		if gate.Need == 0 {
			s.Need = len(s.Of) + s.Met
		}
		if waits || needed[gate.Address] {
			b.put(s)
		}
	}
}

// oneAtATime chains the restarts of running units of a component over hosts,
// so that never two hosts of it are down at once. It follows the order of the
// graph: against it, a unit that requires something of another host and the
// turn of that host would wait for each other.
func (b *builder) oneAtATime() {
	units := map[string][]resource.Address{} // by component
	for _, r := range b.in.Graph.Resources {
		s := b.steps[r.Address]
		if s == nil || s.Act == "" || s.Act == Reload || !b.in.Graph.OneAtATime[s.Component] {
			continue
		}
		units[s.Component] = append(units[s.Component], r.Address)
	}
	for name, list := range units {
		b.chain(list, b.down(func(component string) bool { return component == name }))
	}
}

// finish keeps the edges between steps only, looking through resources that do
// not change, and orders steps as the graph does.
func (b *builder) finish() *Plan {
	through := newThrough(b)
	hard := map[resource.Address][]resource.Address{}
	own := b.own()
	p := &Plan{Format: Format, Cluster: b.in.Cluster, UUID: b.in.UUID, Target: b.in.Target,
		Inventory: b.in.Inventory, Created: b.in.Now, Warnings: b.in.Warnings, Environment: b.in.Environment}
	if b.in.Removals.Count() > 0 {
		p.Removals = &b.in.Removals
	}
	for _, a := range b.order {
		s := b.steps[a]
		wants := append([]resource.Address(nil), s.Requires...)
		if r, ok := b.in.Graph.Get(a); ok {
			wants = append(wants, r.Requires...)
		}
		if gate, ok := through.gates[a]; ok {
			wants = append(wants, gate.After...)
		}
		if join := JoinAddress(a.Host, b.in.Cluster); a.Kind != IdentityKind && b.steps[join] != nil && b.steps[join].Action != Remove {
			wants = append(wants, join)
		}
		hard[a] = through.steps(a, wants)
		s.Requires = through.steps(a, append(wants, b.turns[a]...))
		p.Steps = append(p.Steps, *s)
	}
	wanted := b.in.Graph.ByHost()
	for _, name := range b.hostNames() {
		seen := b.in.Hosts[name]
		h := Host{Name: name, Digest: seen.Result.Digest, New: seen.New, Wanted: len(wanted[name])}
		if seen.Err != nil {
			h.Error = seen.Err.Error()
		}
		p.Hosts = append(p.Hosts, h)
	}
	if b.in.Narrow {
		hard = b.narrow(p, hard, own)
	}
	if len(b.in.Targets) > 0 {
		limit(p, b.in.Targets, hard)
	}
	g := guard(p, b.in, through)
	late(p)
	rebooted(p)
	g.around()
	return p
}
