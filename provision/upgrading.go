package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"provision/provision/agent/api"
	"provision/provision/bundle"
	"provision/provision/bundle/lock"
	"provision/provision/component"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/binary"
	"provision/provision/upgrade"
)

// installed is what the hosts have of the programs that versions are about.
type installed struct {
	hosts []upgrade.Host
	// unknown are programs, as HOST: NAME, that this store knows no version of.
	unknown []string
	// silent are Nodes whose hosts take no part, with the versions that their
	// kubelets told the API: they will meet the API servers when they come back.
	silent []upgrade.Host
	// unfinished: a restart into what is installed is still to be done.
	unfinished bool
}

// learnInstalled asks the hosts that answered which programs they have, and works
// out the hops to what the inventory wants.
func (o *Operator) learnInstalled(ctx context.Context, s *survey) error {
	want := upgrade.Hop{Kubernetes: o.fleet.Inventory.Cluster.Versions.Kubernetes,
		Etcd: o.fleet.Inventory.Cluster.Versions.Etcd, Kubelet: o.fleet.Inventory.Cluster.Versions.Kubelet}
	s.hops = []upgrade.Hop{want}
	if o.fleet.Decision.Identity == nil {
		return nil
	}
	var err error
	if s.installed, err = o.programs(ctx); err != nil {
		return err
	}
	known := upgrade.Known{}
	for _, a := range o.Store.Known() {
		if v, err := upgrade.Parse(a.Ref.Version); err == nil {
			known[a.Ref.Name] = append(known[a.Ref.Name], v)
		}
	}
	s.hops, err = upgrade.Chain(s.installed.hosts, s.installed.unfinished, want, o.fleet.Inventory.Cluster.Versions.Via, known)
	if err == nil && s.installed.below(o.target()) {
		o.warnOfRemoved(ctx, s)
		o.warnOfLeftovers(ctx, s)
		o.learnSilent(ctx, s)
	}
	return err
}

// target is the wanted version of Kubernetes.
func (o *Operator) target() upgrade.Version {
	v, _ := upgrade.Parse(o.fleet.Inventory.Cluster.Versions.Kubernetes)
	return v
}

// programs digests the programs of all hosts at once; hosts keep the digests of
// files that do not change.
func (o *Operator) programs(ctx context.Context) (installed, error) {
	var paths []string
	for _, name := range upgrade.Programs() {
		paths = append(paths, path.Join(component.BinDir, name))
	}
	known := o.knownVersions()
	var mu sync.Mutex
	found := map[string]upgrade.Host{}
	var out installed
	errs := fleet.Each(o.fleet.Names(), func(name string) error {
		m := o.fleet.Members[name]
		if _, listed := o.fleet.Inventory.Host(name); !listed || m.Facts.Owned.Identity == nil {
			return nil
		}
		result, err := m.Agent.Health(ctx, api.HealthParams{Files: paths})
		if err != nil {
			return fmt.Errorf("looking at the programs of %s: %w", name, err)
		}
		h := upgrade.Host{Name: name, Programs: map[string]upgrade.Version{}}
		mu.Lock()
		defer mu.Unlock()
		for _, f := range result.Files {
			program := path.Base(f.Path)
			v, err := upgrade.Parse(known[f.SHA256])
			switch {
			case f.SHA256 == "":
			case err != nil:
				out.unknown = append(out.unknown, name+": "+program)
			default:
				h.Programs[program] = v
			}
			_, open := m.Facts.Owned.Restarts[program+".service"]
			out.unfinished = out.unfinished || open
		}
		found[name] = h
		return nil
	})
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out.hosts = append(out.hosts, found[name])
	}
	slices.Sort(out.unknown)
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	return out, o.fleet.Refuse(errs)
}

// knownVersions are those of programs by digest: what this provision was built
// with, and what is in the store.
func (o *Operator) knownVersions() map[string]string {
	known := lock.Versions()
	for _, a := range o.Store.Known() {
		known[a.SHA256] = a.Ref.Version
	}
	return known
}

// at is the inventory with the versions of a hop.
func (o *Operator) at(hop upgrade.Hop) *inventory.Inventory {
	inv := *o.fleet.Inventory
	v := &inv.Cluster.Versions
	v.Kubernetes, v.Etcd, v.Kubelet = hop.Kubernetes, hop.Etcd, hop.Kubelet
	return &inv
}

// upgrades completes a plan by what is to be known of versions, and refuses one
// that would break their rules.
func (o *Operator) upgrades(s *survey, p *plan.Plan) error {
	known := o.knownVersions()
	before, after := s.installed.hosts, []upgrade.Host(nil)
	for _, h := range before {
		after = append(after, upgrade.Host{Name: h.Name, Programs: maps.Clone(h.Programs)})
	}
	changed := false
	for i, step := range p.Steps {
		if step.Address.Kind != binary.Kind || step.Action == plan.Remove {
			continue
		}
		p.Steps[i].Changes = versioned(step, known)
		r, _ := s.graph.Get(step.Address)
		var spec binary.Spec
		if json.Unmarshal(r.Spec, &spec) != nil {
			continue
		}
		v, err := upgrade.Parse(spec.Version)
		at := slices.IndexFunc(after, func(h upgrade.Host) bool { return h.Name == step.Address.Host })
		program := path.Base(step.Address.Name)
		if err != nil || at < 0 || !slices.Contains(upgrade.Programs(), program) {
			continue
		}
		was := after[at].Programs[program]
		changed = changed || was.Known() && was != v
		after[at].Programs[program] = v
	}
	if !changed {
		return nil
	}
	others := s.installed.silent
	if bad := upgrade.Check(slices.Concat(before, others), slices.Concat(after, others)); len(bad) > 0 {
		return fmt.Errorf("cannot go on, nothing was changed:\n%w", errors.Join(bad...))
	}
	if err := o.unkept(s, p, before, after); err != nil {
		return err
	}
	for _, program := range s.installed.unknown {
		p.Warnings = append(p.Warnings, "the version of a program is not known to this store, so it is not checked what it may run together with: "+program)
	}
	o.showHops(s, p)
	return o.allKeepers()
}

// versioned names the version that a program had, where it is known.
func versioned(step plan.Step, known map[string]string) []resource.Change {
	changes := slices.Clone(step.Changes)
	for i, c := range changes {
		digest, short := strings.CutPrefix(c.Old, "sha256:")
		if c.Field != "content" || !short {
			continue
		}
		for full, version := range known {
			if strings.HasPrefix(full, digest) {
				changes[i].Old = fmt.Sprintf("%s (%s)", version, c.Old)
				break
			}
		}
	}
	return changes
}

// showHops puts the way into the plan, with what the store lacks for it.
func (o *Operator) showHops(s *survey, p *plan.Plan) {
	if len(s.hops) < 2 {
		return
	}
	for _, hop := range s.hops {
		c := *s.cluster
		c.Inventory = o.at(hop)
		one := plan.Hop{Hop: hop}
		var refs []bundle.Ref
		for _, comp := range o.Components {
			refs = append(refs, comp.Artifacts(&c)...)
		}
		for _, ref := range refs {
			if strings.HasPrefix(ref.Name, "deb-") { // hosts have another source of them
				continue
			}
			if _, err := o.Store.Resolve(ref); err != nil && !slices.Contains(one.Missing, ref.String()) {
				one.Missing = append(one.Missing, ref.String())
			}
		}
		slices.Sort(one.Missing)
		p.Hops = append(p.Hops, one)
	}
}

// allKeepers refuses to change versions while a master or etcd host takes no
// part: nobody knows what runs there, and it would come back as what it was.
func (o *Operator) allKeepers() error {
	var silent []string
	for _, h := range o.fleet.Inventory.Hosts {
		if h.Keeper() && o.fleet.Members[h.Name] == nil {
			silent = append(silent, h.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.fleet.Silent)) {
		if o.fleet.Leaving[name].Host.Keeper() {
			silent = append(silent, name)
		}
	}
	if len(silent) == 0 {
		return nil
	}
	return fmt.Errorf("cannot change versions while %s takes no part: all masters and etcd hosts must, because API servers may be one minor release apart only and etcd must keep its quorum while its members restart; bring it back, replace it, or take it out first: provision node remove",
		strings.Join(silent, " and "))
}

// complete refuses to begin a way that could not be gone to its end.
func complete(p *plan.Plan) error {
	var lines []string
	for _, hop := range p.Hops {
		if len(hop.Missing) > 0 {
			lines = append(lines, fmt.Sprintf("  for %s: %s", hop.Kubernetes, strings.Join(hop.Missing, ", ")))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("cannot begin: artifacts of the way are not in the store; name their versions in versions { via = [...] } and run: provision bundle pull\n%s", strings.Join(lines, "\n"))
}

// more reports whether another hop is to follow a run that went well, and gets
// ready for it. Nothing is remembered: what the hosts run then says where the
// way goes on.
func (o *Operator) more(outcome *Outcome) bool {
	hops := outcome.Plan.Hops
	if len(hops) < 2 {
		return false
	}
	if scope := o.Task.Scope(); len(o.Targets) > 0 || scope.OneHop || scope.Narrow {
		o.fleet.Emit(event.Event{Type: event.Note, Text: "This was one hop of the upgrade; apply again to go on to Kubernetes " + hops[1].Kubernetes})
		return false
	}
	o.fleet.Emit(event.Event{Type: event.Note, Text: fmt.Sprintf("The cluster runs Kubernetes %s and etcd %s; %s to go: next %s and %s",
		hops[0].Kubernetes, hops[0].Etcd, event.Count(len(hops)-1, "hop"), hops[1].Kubernetes, hops[1].Etcd)})
	o.fleet.Close()
	o.startOver(nil)
	return true
}

// gateServers is plan.ControlPlaneGate's.
const gateServers = "control-plane"

// serversReady waits until the API server of every master that takes part is
// ready: each was asked after its restart, and none may have failed since.
func (s *steps) serversReady(ctx context.Context) error {
	var masters []string
	for _, m := range s.o.fleet.Masters() {
		masters = append(masters, m.Host.Name)
	}
	errs := map[string]error{}
	for _, c := range s.o.Components {
		tiered, ok := c.(component.Tiered)
		if gate := c.Gate(); ok && tiered.Tier() == component.TierServers && gate.URL != "" {
			errs = fleet.Each(masters, func(name string) error {
				_, err := s.o.fleet.Members[name].Agent.Probe(ctx, api.ProbeParams{URL: gate.URL, CA: gate.CA, Within: healthDeadline})
				return err
			})
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("no kubelet is changed before every API server is ready: %w", fleet.InOrder(errs))
}

// Stops are the inventory with its own versions, and with those of each release
// that an upgrade is to go by: what artifacts are needed for.
func Stops(inv *inventory.Inventory) []*inventory.Inventory {
	list := []*inventory.Inventory{inv}
	for _, text := range inv.Cluster.Versions.Via {
		stop := *inv
		v, err := upgrade.Parse(text)
		etcd, errEtcd := upgrade.Parse(inv.Cluster.Versions.Etcd)
		switch {
		case err != nil || errEtcd != nil:
			continue
		case v.Major == etcd.Major:
			stop.Cluster.Versions.Etcd = text
		default:
			stop.Cluster.Versions.Kubernetes, stop.Cluster.Versions.Kubelet = text, ""
		}
		list = append(list, &stop)
	}
	return list
}
