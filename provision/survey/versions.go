package survey

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
	// silent are Nodes whose hosts are skipped, with the versions that their
	// kubelets told the API: they will meet the API servers when they come back.
	silent []upgrade.Host
	// unfinished: a restart into what is installed is still to be done.
	unfinished bool
}

// learnInstalled asks the hosts that answered which programs they have, and works
// out the hops to what the inventory wants.
func (sv *Surveyor) learnInstalled(ctx context.Context, s *Survey) error {
	want := upgrade.Hop{Kubernetes: sv.Fleet.Inventory.Cluster.Versions.Kubernetes(),
		Etcd: sv.Fleet.Inventory.Cluster.Versions.Etcd(), Kubelet: sv.Fleet.Inventory.Cluster.Versions[inventory.FamilyKubelet]}
	s.Hops = []upgrade.Hop{want}
	if sv.Fleet.Decision.Identity == nil {
		return nil
	}
	var err error
	if s.installed, err = sv.programs(ctx); err != nil {
		return err
	}
	known := upgrade.Known{}
	for _, a := range sv.Store.Known() {
		if v, err := upgrade.Parse(a.Ref.Version); err == nil {
			known[a.Ref.Name] = append(known[a.Ref.Name], v)
		}
	}
	s.Hops, err = upgrade.Chain(s.installed.hosts, s.installed.unfinished, want, sv.Fleet.Inventory.Cluster.Via, known)
	if err == nil && s.installed.below(sv.target()) {
		sv.warnOfRemoved(ctx, s)
		sv.warnOfLeftovers(ctx, s)
		sv.learnSilent(ctx, s)
	}
	return err
}

// target is the wanted version of Kubernetes.
func (sv *Surveyor) target() upgrade.Version {
	v, _ := upgrade.Parse(sv.Fleet.Inventory.Cluster.Versions.Kubernetes())
	return v
}

// programs digests the programs of all hosts at once; hosts keep the digests of
// files that do not change.
func (sv *Surveyor) programs(ctx context.Context) (installed, error) {
	var paths []string
	for _, name := range upgrade.Programs() {
		paths = append(paths, path.Join(component.BinDir, name))
	}
	known := sv.knownVersions()
	var mu sync.Mutex
	found := map[string]upgrade.Host{}
	var out installed
	errs := fleet.Each(sv.Fleet.Names(), func(name string) error {
		m := sv.Fleet.Members[name]
		if _, listed := sv.Fleet.Inventory.Host(name); !listed || m.Facts.Owned.Identity == nil {
			return nil
		}
		result, err := api.Health.Call(ctx, m.Agent, api.HealthParams{Files: paths})
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
	return out, sv.Fleet.Refuse(errs)
}

// knownVersions are those of programs by digest: what this provision was built
// with, and what is in the store.
func (sv *Surveyor) knownVersions() map[string]string {
	known := lock.Versions()
	for _, a := range sv.Store.Known() {
		known[a.SHA256] = a.Ref.Version
	}
	return known
}

// at is the inventory with the versions of a hop.
func (sv *Surveyor) at(hop upgrade.Hop) *inventory.Inventory {
	inv := *sv.Fleet.Inventory
	inv.Cluster.Versions = inv.Cluster.Versions.With(inventory.FamilyKubernetes, hop.Kubernetes).
		With(inventory.FamilyEtcd, hop.Etcd).With(inventory.FamilyKubelet, hop.Kubelet)
	return &inv
}

// upgrades completes a plan by what is to be known of versions, and refuses one
// that would break their rules.
func (sv *Surveyor) upgrades(s *Survey, p *plan.Plan) error {
	known := sv.knownVersions()
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
		r, _ := s.Graph.Get(step.Address)
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
		return fmt.Errorf("cannot continue, nothing was changed:\n%w", errors.Join(bad...))
	}
	if err := sv.unkept(s, p, before, after); err != nil {
		return err
	}
	for _, program := range s.installed.unknown {
		p.Warnings = append(p.Warnings, "this store does not know the version of a program, so the skew policy is not checked for it: "+program)
	}
	sv.showHops(s, p)
	return sv.allKeepers()
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
func (sv *Surveyor) showHops(s *Survey, p *plan.Plan) {
	if len(s.Hops) < 2 {
		return
	}
	for _, hop := range s.Hops {
		c := *s.Cluster
		c.Inventory = sv.at(hop)
		one := plan.Hop{Hop: hop}
		var refs []bundle.Ref
		for _, comp := range sv.Components {
			refs = append(refs, comp.Artifacts(&c)...)
		}
		for _, ref := range refs {
			if strings.HasPrefix(ref.Name, "deb-") { // hosts have another source of them
				continue
			}
			if _, err := sv.Store.Resolve(ref); err != nil && !slices.Contains(one.Missing, ref.String()) {
				one.Missing = append(one.Missing, ref.String())
			}
		}
		slices.Sort(one.Missing)
		p.Hops = append(p.Hops, one)
	}
}

// allKeepers refuses to change versions while a master or etcd host takes no
// part: nobody knows what runs there, and it would come back as what it was.
func (sv *Surveyor) allKeepers() error {
	var silent []string
	for _, h := range sv.Fleet.Inventory.Hosts {
		if h.Keeper() && sv.Fleet.Members[h.Name] == nil {
			silent = append(silent, h.Name)
		}
	}
	for _, name := range sv.Fleet.Left() {
		if absent := sv.Fleet.Absent[name]; absent.Host.Keeper() && absent.Why != nil {
			silent = append(silent, name)
		}
	}
	if len(silent) == 0 {
		return nil
	}
	return fmt.Errorf("cannot change versions while %s is skipped: API servers may be only one minor release apart, and etcd must keep its quorum while members restart, so every master and etcd host must answer. Bring it back, replace it, or remove it first: provision node remove",
		strings.Join(silent, " and "))
}

// GateServers is plan.ControlPlaneGate's.
const GateServers = "control-plane"
