package checkup

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/doctor"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/unit"
)

// Look says how hosts are looked at.
type Look struct {
	Inventory *inventory.Inventory
	Now       func() time.Time
	// Deep looks for what differs, what does not answer, and causes in the logs.
	// Without it only health that is a resource is asked for, if Compare can.
	Deep bool
	// Compare finds what is to change of one resource, of a host or of the cluster.
	// May be nil.
	Compare func(ctx context.Context, r resource.Resource) ([]resource.Change, error)
}

// All looks at all hosts that answered, at once.
func (l Look) All(ctx context.Context, f *fleet.Fleet, expected map[string]*Expectation) map[string]*Checkup {
	all := map[string]*Checkup{}
	var mu sync.Mutex
	fleet.Spread(f.Names(), func(name string) {
		e := expected[name]
		if e == nil {
			return
		}
		c := l.At(ctx, f.Members[name], e)
		mu.Lock()
		defer mu.Unlock()
		all[name] = c
	})
	return all
}

// Checkup is how a host is doing.
type Checkup struct {
	Health api.HealthResult
	Err    error
	Drift  []doctor.Drift
	Probes []doctor.Probe
	// restarts are those that are really pending.
	restarts map[string]facts.Restart
	Skew     time.Duration
	doubt    time.Duration
	reached  reached
}

// healthLines is how much of a log is read to find a cause in it.
const healthLines = 60

// At asks one host: in one request, or with what differs and what does not
// answer, in a few at once.
func (l Look) At(ctx context.Context, m *fleet.Member, e *Expectation) *Checkup {
	params := api.HealthParams{Listeners: l.Deep, Disks: slices.Compact(slices.Sorted(slices.Values(e.disks)))}
	for _, w := range e.Units {
		params.Units = append(params.Units, w.Unit)
	}
	params.Files = slices.Sorted(maps.Keys(e.Binaries))
	params.Certs = slices.Sorted(maps.Keys(e.Certs))
	params.Live = e.question()
	if l.Deep {
		params.Lines = healthLines
	}
	c := &Checkup{}
	var all sync.WaitGroup
	all.Go(func() {
		sent := l.Now()
		c.Health, c.Err = api.Health.Call(ctx, m.Agent, params)
		if took := l.Now().Sub(sent); c.Err == nil {
			// The answer's clock was read when the request came in.
			c.Skew, c.doubt = c.Health.Clock.Sub(sent.Add(took/2)), took/2
		}
	})
	if l.Deep {
		all.Go(func() { c.Drift, c.restarts = drift(ctx, m, e) })
		all.Go(func() { c.reached = reachAPI(ctx, m, l.Inventory) })
	}
	var gates []component.Gate
	if l.Deep {
		gates, c.Probes = e.gates, slices.Clone(e.probes)
	}
	for _, one := range e.unchanged {
		c.Probes = append(c.Probes, doctor.Probe{Unit: one.unit, URL: one.resource.Address.String()})
	}
	for i, gate := range gates {
		all.Go(func() { c.Probes[i].Error = ask(ctx, m, gate) })
	}
	for i, one := range e.unchanged {
		all.Go(func() { c.Probes[len(gates)+i].Error = l.unwell(ctx, one.resource) })
	}
	all.Wait()
	return c
}

// ask tries a URL of the host once.
func ask(ctx context.Context, m *fleet.Member, gate component.Gate) string {
	err := api.Probe.Do(ctx, m.Agent, api.ProbeParams{URL: gate.URL, CA: gate.CA})
	var answer *api.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &answer) && answer.Detail != "":
		return answer.Detail
	}
	return err.Error()
}

// unwell says what is to change of a resource of which nothing should be.
func (l Look) unwell(ctx context.Context, r resource.Resource) string {
	if l.Compare == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, reachTried)
	defer cancel()
	changes, err := l.Compare(ctx, r)
	switch {
	case err != nil:
		return err.Error()
	case len(changes) > 0:
		return changeText(changes[0])
	}
	return ""
}

// drift is what differs from the inventory, apart from the state of units, and
// the restarts that an interrupted apply left to do.
func drift(ctx context.Context, m *fleet.Member, e *Expectation) ([]doctor.Drift, map[string]facts.Restart) {
	result, err := api.Plan.Call(ctx, m.Agent, api.PlanParams{Resources: e.Resources})
	if err != nil {
		return nil, m.Facts.Owned.Restarts // the host's health tells why
	}
	byID := map[string]resource.Resource{}
	users := map[string][]string{}
	for _, r := range e.Resources {
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
