package plan

import (
	"cmp"
	"slices"

	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/resource"
	"provision/provision/resource/binary"
	"provision/provision/resource/drain"
	"provision/provision/upgrade"
)

// Hop is a leg of an upgrade.
type Hop struct {
	upgrade.Hop
	// Missing are the artifacts that are not in the operator's store.
	Missing []string `json:"missing,omitempty"`
}

// ControlPlaneGate is passed when all API servers that an apply replaces serve
// again; kubelets and kube-proxies are never newer than any of them.
func ControlPlaneGate() resource.Address { return desired.GateAddress("control-plane") }

// SnapshotKind is the kind in the addresses of steps that keep etcd's data on a
// host: HOST/snapshot["before Kubernetes 1.37.1 and etcd 3.7.3"].
const SnapshotKind = "snapshot"

// replacement is a unit that is restarted into another program.
type replacement struct {
	unit     resource.Address
	programs []resource.Address // steps that put programs into place
}

// upgrades orders the steps by which running programs are replaced: tier after
// tier, and within one-at-a-time components host after host and unit after
// unit. A program is put into place only when its unit's turn has come: one
// that crashes before starts again as what it was.
func (b *builder) upgrades() {
	found, fresh := b.replacements()
	for _, tier := range []component.Tier{component.TierStore, component.TierServers} {
		if len(found[tier]) > 0 {
			b.hostByHost(tier)
			b.inTurn(found[tier])
		}
	}
	var members, servers []resource.Address
	for _, r := range found[component.TierStore] {
		members = append(members, r.unit)
	}
	ill := b.downOf(component.TierStore)
	for _, r := range found[component.TierServers] {
		b.wait(r, append(b.free(ill, r.unit), members...))
		servers = append(servers, r.unit)
	}
	b.wait(replacement{programs: fresh[component.TierServers]}, members)
	b.snapshots(append(slices.Clone(found[component.TierStore]), found[component.TierServers]...))
	nodes := found[component.TierNodes]
	if len(servers) > 0 {
		nodes = append(nodes, replacement{programs: fresh[component.TierNodes]})
	}
	b.controlPlane(append(servers, b.downOf(component.TierServers)...), nodes)
}

// controlPlane lets Nodes wait until the servers work that are replaced, and
// those that an earlier run left down. Where only the latter are, hosts that
// join wait for nobody.
func (b *builder) controlPlane(servers []resource.Address, nodes []replacement) {
	servers = dedupe(servers)
	if len(servers) == 0 || !slices.ContainsFunc(nodes, func(r replacement) bool { return len(r.programs) > 0 || r.unit != resource.Address{} }) {
		return
	}
	gate := ControlPlaneGate()
	b.put(Step{Address: gate, Action: Wait, Of: servers, Need: len(servers)})
	for _, r := range nodes {
		b.wait(r, []resource.Address{gate})
	}
}

// snapshots keep etcd's data before anything of the control plane is replaced.
func (b *builder) snapshots(list []replacement) {
	if len(list) == 0 {
		return
	}
	for _, a := range b.in.Snapshots {
		b.put(Step{Address: a, Action: Create, Changes: []resource.Change{{Field: "etcd's data", New: "kept, on " + a.Host, Create: true}}})
	}
	for _, r := range list {
		for _, a := range append(slices.Clone(r.programs), r.unit) {
			b.steps[a].Requires = append(slices.Clip(b.steps[a].Requires), b.in.Snapshots...)
		}
	}
}

// replacements are the units that restart because of a program, by tier and in
// the order of the graph, and the programs that come to hosts where the unit
// does not run.
func (b *builder) replacements() (map[component.Tier][]replacement, map[component.Tier][]resource.Address) {
	found, fresh := map[component.Tier][]replacement{}, map[component.Tier][]resource.Address{}
	for _, r := range b.in.Graph.Resources {
		tier, s := b.in.Graph.Tiers[r.Component], b.steps[r.Address]
		if tier == 0 || s == nil {
			continue
		}
		if r.Address.Kind == binary.Kind && len(r.Triggers) > 0 && !slices.ContainsFunc(r.Triggers, func(t resource.Trigger) bool { return b.restarts(r.Address.Host, t.Unit) }) {
			fresh[tier] = append(fresh[tier], r.Address)
		}
		if s.Act != Restart {
			continue
		}
		one := replacement{unit: r.Address}
		caused := false
		for _, cause := range s.Causes {
			caused = caused || cause.Kind == binary.Kind
			if cause.Kind == binary.Kind && b.steps[cause] != nil {
				one.programs = append(one.programs, cause)
			}
		}
		if caused {
			found[tier] = append(found[tier], one)
		}
	}
	return found, fresh
}

func (b *builder) restarts(host, unit string) bool {
	s := b.steps[component.UnitAt(host, unit)]
	return s != nil && s.Act == Restart
}

// hostByHost lets the restarts of a tier go through all units of a host, then
// those of the next. The order of the graph, which turns otherwise have, puts
// the API servers of all hosts before what talks to them.
func (b *builder) hostByHost(tier component.Tier) {
	var hosts, list []resource.Address
	for _, r := range b.in.Graph.Resources {
		s := b.steps[r.Address]
		if s == nil || s.Act != Restart || b.in.Graph.Tiers[r.Component] != tier {
			continue
		}
		list = append(list, r.Address)
		if !slices.ContainsFunc(hosts, func(a resource.Address) bool { return a.Host == r.Address.Host }) {
			hosts = append(hosts, r.Address)
		}
	}
	slices.SortStableFunc(list, func(x, y resource.Address) int {
		at := func(a resource.Address) int {
			return slices.IndexFunc(hosts, func(h resource.Address) bool { return h.Host == a.Host })
		}
		return cmp.Compare(at(x), at(y))
	})
	b.chain(list, b.downOf(tier))
}

// inTurn lets a host's programs wait for the turn of the host, and for the unit
// before theirs.
func (b *builder) inTurn(list []replacement) {
	last := map[string]resource.Address{} // by host
	for _, r := range list {
		before := b.turns[r.unit]
		if previous, ok := last[r.unit.Host]; ok {
			before = append(slices.Clone(before), previous)
		}
		last[r.unit.Host] = r.unit
		b.wait(r, before)
	}
}

func (b *builder) wait(r replacement, before []resource.Address) {
	for _, program := range r.programs {
		b.turns[program] = dedupe(append(slices.Clone(b.turns[program]), before...))
	}
	if r.unit != (resource.Address{}) {
		b.turns[r.unit] = dedupe(append(slices.Clone(b.turns[r.unit]), before...))
	}
}

// late lets no Node be emptied before the control plane is done, when what its
// drain is for waits for that.
func late(p *Plan) {
	gate := ControlPlaneGate()
	waits := map[resource.Address]bool{}
	for _, s := range p.Steps {
		if slices.Contains(s.Requires, gate) {
			for _, need := range s.Requires {
				waits[need] = true
			}
		}
	}
	for i, s := range p.Steps {
		if waits[s.Address] && s.Address.IsCluster() && s.Address.Kind == drain.Name {
			p.Steps[i].Requires = append(slices.Clip(s.Requires), gate)
		}
	}
}
