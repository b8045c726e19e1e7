package provision

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"provision/provision/agent/api"
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/controlplane"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/component/kubeproxy"
	"provision/provision/doctor"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/binary"
	"provision/provision/resource/cert"
	"provision/provision/resource/directory"
	"provision/provision/resource/unit"
)

// expectation is what a host must have, and what of it is looked at.
type expectation struct {
	resources []resource.Resource
	units     []doctor.Want
	binaries  map[string]binary.Spec
	certs     map[string]time.Duration // by path: how long before its end it is renewed
	specs     map[string]cert.Spec     // by path
	disks     []string
	probes    []doctor.Probe
	gates     []component.Gate // of the probes
	live      []component.Live
	failed    error // a component that could not say what it wants
}

// expect works out what hosts must have, without anything that the operator's
// store or the cluster would have to tell: a doctor is asked when they cannot.
func (o *Operator) expect() map[string]*expectation {
	s := &survey{cluster: &component.Cluster{Inventory: o.Inventory, Facts: o.fleet.Facts(), Artifacts: lenient{o.Store}}}
	if o.decision.Identity != nil {
		s.cluster.Identity = *o.decision.Identity
	}
	assigned := o.assign(s)
	all := map[string]*expectation{}
	for _, h := range o.fleet.Answered(o.Inventory) {
		e := &expectation{binaries: map[string]binary.Spec{}, certs: map[string]time.Duration{}, specs: map[string]cert.Spec{}, failed: assigned,
			disks: []string{"/", "/var/log", "/var/lib"}}
		for _, c := range o.Components {
			if !c.Runs(s.cluster, h) {
				continue
			}
			wanted, err := c.Desired(s.cluster, h)
			if err != nil {
				e.failed = errors.Join(e.failed, fmt.Errorf("working out %s for host %s: %w", c.Name(), h.Name, err))
				continue
			}
			e.add(c, wanted)
		}
		all[h.Name] = e
	}
	return all
}

// add takes in what a component wants.
func (e *expectation) add(c component.Component, wanted []resource.Resource) {
	gate := c.Gate()
	e.live = append(e.live, gate.Live...)
	for _, r := range wanted {
		r.Component = c.Name()
		name := r.Address.Name
		switch r.Address.Kind {
		case unit.Kind:
			e.units = append(e.units, want(r))
			if gate.URL != "" { // it is of the component's first unit
				e.probes = append(e.probes, doctor.Probe{Unit: name, URL: gate.URL})
				e.gates, gate.URL = append(e.gates, gate), ""
			}
		case binary.Kind:
			var spec binary.Spec
			if json.Unmarshal(r.Spec, &spec) == nil {
				e.binaries[name] = spec
			}
			if spec.SHA256 == "" {
				continue // not in the store: nothing to compare with
			}
		case cert.Kind:
			var spec cert.Spec
			if json.Unmarshal(r.Spec, &spec) == nil {
				e.cert(name, spec)
			}
		case directory.Kind:
			if strings.HasPrefix(name, "/var/") {
				e.disks = append(e.disks, name)
			}
		}
		if !unknown(r) {
			e.resources = append(e.resources, r)
		}
	}
}

func want(r resource.Resource) doctor.Want {
	w := doctor.Want{Unit: r.Address.Name, Component: r.Component}
	for _, need := range r.Requires {
		if need.Kind == unit.Kind && need.Host == r.Address.Host {
			w.Needs = append(w.Needs, need.Name)
		}
	}
	return w
}

// unknown reports whether a resource is of an artifact that the store lacks.
func unknown(r resource.Resource) bool {
	return slices.Contains(r.Blobs, "") || slices.Contains(r.Blobs, missingDigest)
}

const missingDigest = "-"

// lenient answers for artifacts that are not in the store, too: what a host
// must have can be told without their content.
type lenient struct{ bundle.Resolver }

func (l lenient) Resolve(ref bundle.Ref) ([]bundle.Artifact, error) {
	found, err := l.Resolver.Resolve(ref)
	if err == nil || strings.HasPrefix(ref.Name, "deb-") { // packages have another source, too
		return found, err
	}
	return []bundle.Artifact{{Ref: ref, SHA256: missingDigest, Image: ref.Name, Manifest: missingDigest}}, nil
}

// checkups looks at all hosts that answered, at once.
func (o *Operator) checkups(ctx context.Context, expected map[string]*expectation, deep bool) map[string]*checkup {
	all := map[string]*checkup{}
	var mu sync.Mutex
	fleet.Spread(o.fleet.Names(), func(name string) {
		e := expected[name]
		if e == nil {
			return
		}
		c := o.checkup(ctx, o.fleet.Members[name], e, deep)
		mu.Lock()
		defer mu.Unlock()
		all[name] = c
	})
	return all
}

// checkup is how a host is doing.
type checkup struct {
	health api.HealthResult
	err    error
	drift  []doctor.Drift
	probes []doctor.Probe
	// restarts are those that are really pending.
	restarts map[string]facts.Restart
	skew     time.Duration
	doubt    time.Duration
	reached  reached
}

// healthLines is how much of a log is read to find a cause in it.
const healthLines = 60

// checkup asks one host: in one request, or with what differs and what does not
// answer, in a few at once.
func (o *Operator) checkup(ctx context.Context, m *fleet.Member, e *expectation, deep bool) *checkup {
	params := api.HealthParams{Listeners: deep, Disks: slices.Compact(slices.Sorted(slices.Values(e.disks)))}
	for _, w := range e.units {
		params.Units = append(params.Units, w.Unit)
	}
	params.Files = sortedKeys(e.binaries)
	params.Certs = sortedKeys(e.certs)
	params.Live = e.question()
	if deep {
		params.Lines = healthLines
	}
	c := &checkup{}
	var all sync.WaitGroup
	all.Go(func() {
		sent := o.Now()
		c.health, c.err = m.Agent.Health(ctx, params)
		if took := o.Now().Sub(sent); c.err == nil {
			// The answer's clock was read when the request came in.
			c.skew, c.doubt = c.health.Clock.Sub(sent.Add(took/2)), took/2
		}
	})
	if deep {
		all.Go(func() { c.drift, c.restarts = o.drift(ctx, m, e) })
		all.Go(func() { c.reached = o.reachAPI(ctx, m) })
		c.probes = append(c.probes, e.probes...)
		for i, gate := range e.gates {
			all.Go(func() { c.probes[i].Error = ask(ctx, m, gate) })
		}
	}
	all.Wait()
	return c
}

// ask tries a URL of the host once.
func ask(ctx context.Context, m *fleet.Member, gate component.Gate) string {
	_, err := m.Agent.Probe(ctx, api.ProbeParams{URL: gate.URL, CA: gate.CA})
	var answer *api.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &answer) && answer.Detail != "":
		return answer.Detail
	}
	return err.Error()
}

// drift is what differs from the inventory, apart from the state of units, and
// the restarts that an interrupted apply left to do.
func (o *Operator) drift(ctx context.Context, m *fleet.Member, e *expectation) ([]doctor.Drift, map[string]facts.Restart) {
	result, err := m.Agent.Plan(ctx, api.PlanParams{Resources: e.resources})
	if err != nil {
		return nil, m.Facts.Owned.Restarts // the host's health tells why
	}
	byID := map[string]resource.Resource{}
	users := map[string][]string{}
	for _, r := range e.resources {
		byID[r.Address.ID()] = r
		for _, t := range r.Triggers {
			users[r.Address.ID()] = append(users[r.Address.ID()], t.Unit)
		}
		if r.Address.Kind == unit.Kind {
			for _, need := range r.Requires {
				users[need.ID()] = append(users[need.ID()], r.Address.Name)
			}
		}
	}
	var out []doctor.Drift
	for _, item := range result.Items {
		r, known := byID[item.ID]
		if !known || r.Address.Kind == unit.Kind {
			continue
		}
		d := doctor.Drift{Address: item.ID, Units: users[item.ID]}
		owned := slices.ContainsFunc(m.Facts.Owned.Resources, func(r facts.Resource) bool { return r.ID == item.ID })
		for i, change := range item.Changes {
			d.Missing = d.Missing || change.Create && owned
			d.Unreadable = d.Unreadable || unreadable(change)
			if i == 0 {
				d.Text = changeText(change)
			}
		}
		if item.Error != nil {
			d.Text = item.Error.Message
		}
		out = append(out, d)
	}
	return out, result.Restarts
}

// unreadable reports whether a mode is to change that lets not even the owner
// read: services without the capability to override it do not start.
func unreadable(c resource.Change) bool {
	mode, err := strconv.ParseUint(c.Old, 8, 32)
	return err == nil && strings.HasSuffix(c.Field, "mode") && mode&0o400 == 0
}

func changeText(c resource.Change) string {
	first := func(text string) string { line, _, _ := strings.Cut(text, "\n"); return line }
	if c.Create {
		return "missing"
	}
	return c.Field + " is " + cmp.Or(first(c.Old), "absent") + " instead of " + cmp.Or(first(c.New), "absent")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// keyUnits are those that the cluster's own health hangs on.
func keyUnits() (server, member, proxy string) {
	return controlplane.APIServer, etcdcomponent.Unit, kubeproxy.Unit
}

// doctorHost is a host as the doctor sees it.
func (o *Operator) doctorHost(h inventory.Host, e *expectation, c *checkup) doctor.Host {
	d := doctor.Host{Name: h.Name, Master: h.Has(inventory.RoleMaster), Etcd: h.Has(inventory.RoleEtcd), Joins: h.Joins()}
	if err := o.fleet.Failed[h.Name]; err != nil {
		d.Error = err.Error()
		return d
	}
	m := o.fleet.Members[h.Name]
	if m == nil || e == nil || c == nil {
		d.Error = "it was not asked"
		return d
	}
	if c.err != nil {
		d.Error = c.err.Error()
		return d
	}
	d.New = m.Facts.Owned.Identity == nil && len(m.Facts.Owned.Resources) == 0
	d.Wants, d.Certs, d.Drift, d.Probes, d.Health = e.units, e.certs, c.drift, c.probes, c.health
	d.Restarts, d.Skew, d.Doubt = c.restarts, c.skew, c.doubt
	d.Silent, d.Unmade = e.silent(c.health.Silent, true), e.unmade(m.Facts.Owned.Resources)
	for _, live := range e.live {
		if live.Relay {
			d.Relays = append(d.Relays, live.Unit)
		}
	}
	d.Reaches, d.Cut, d.NoService = c.reached.api && d.Joins, c.reached.cut && d.Joins, c.reached.noService && d.Joins
	d.NoSwap = h.Joins() && o.Inventory.OS.Swap != "ignore"
	d.PeerURL, d.EtcdData, d.NoEtcdData = etcdcomponent.PeerURL(h), m.Facts.Etcd, !o.hasData(h.Name)
	return d
}
