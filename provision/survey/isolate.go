package survey

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/access"
	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/component/loadbalancer"
	"provision/provision/component/nodes"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/drain"
)

// Isolation takes hosts out of service, or back into it. Apply does that and
// nothing else.
type Isolation component.Isolation

func (i *Isolation) has(host string) bool { return (*component.Isolation)(i).Names(host) }

// Scope implements Task.
func (i *Isolation) Scope() Scope { return Scope{Narrow: true, Isolation: i} }

// Mark implements Task: set before all else, taken away last, so that a run that
// was killed is finished by the next.
func (i *Isolation) Mark(entry *facts.RosterHost, at Progress) {
	if i.has(entry.Name) && at.Passed(plan.IsolationAddress(entry.Name)) {
		entry.Isolated = !i.Recover
	}
}

// Isolated are the hosts out of service once this run is over: the roster says
// so of them, which masters and etcd hosts keep.
func (sv *Surveyor) Isolated() map[string]bool {
	known := sv.Fleet.Known()
	out := map[string]bool{}
	for _, h := range sv.Fleet.Inventory.Hosts {
		entry := facts.RosterHost{Name: h.Name, Isolated: known[h.Name].Isolated}
		sv.Task.Mark(&entry, Progress{over: true})
		if entry.Isolated {
			out[h.Name] = true
		}
	}
	return out
}

// Limit implements Task: what isolates hosts, or lets them recover, and the mark
// in the roster.
func (i *Isolation) Limit(o *Surveyor, s *Survey, in *plan.Input) (only []string) {
	in.Isolating = map[string]plan.Isolating{}
	known := o.Fleet.Known()
	for _, name := range i.Hosts {
		h, _ := o.Fleet.Inventory.Host(name)
		one := plan.Isolating{Back: i.Recover, Steps: []resource.Address{component.NodeAt(name), nodes.Schedulable(s.Cluster, h).Address}}
		if h.Has(inventory.RoleMaster) {
			for _, other := range o.Fleet.Answered(o.Fleet.Inventory) {
				if _, member := known[other.Name]; !member {
					continue
				}
				one.Steps = append(one.Steps, component.UnitAt(other.Name, loadbalancer.Unit))
			}
		}
		in.Isolating[name] = one
		only = append(only, plan.IsolationAddress(name).String())
		for _, a := range one.Steps {
			only = append(only, a.String())
		}
	}
	return only
}

// Check implements Task.
func (i *Isolation) Check(ctx context.Context, o *Surveyor) error {
	known := o.Fleet.Known()
	for _, name := range i.Hosts {
		entry, member := known[name]
		switch {
		case !member:
			return fmt.Errorf("host %s is not in the cluster yet; apply first", name)
		case !slices.Contains(entry.Roles, string(inventory.RoleMaster)) && !slices.Contains(entry.Roles, string(inventory.RoleNode)):
			return fmt.Errorf("host %s has no Node to isolate; to take out a sick etcd member, remove its role etcd and apply", name)
		case i.Recover && !entry.Isolated:
			return fmt.Errorf("host %s is not isolated; if its Node is only cordoned: provision node uncordon %s", name, name)
		}
	}
	if i.Recover {
		return i.proven(ctx, o)
	}
	return i.anotherServes(ctx, o)
}

// proven refuses to let hosts recover whose Nodes are not Ready.
func (i *Isolation) proven(ctx context.Context, o *Surveyor) error {
	ctx, cancel := context.WithTimeout(ctx, access.ReachBudget)
	defer cancel()
	env, err := o.API.Env(ctx)
	if err != nil {
		return err
	}
	for _, name := range i.Hosts {
		if o.Fleet.Members[name] == nil {
			return fmt.Errorf("cannot recover host %s: it does not answer: %w", name, o.Fleet.Absent[name].Why)
		}
		object, err := env.Objects.Get(ctx, drain.Ref(name))
		if err != nil {
			return fmt.Errorf("cannot recover host %s: reading its Node: %w", name, err)
		}
		state, err := drain.Read(name, object)
		if err != nil {
			return err
		}
		if h, _ := o.Fleet.Inventory.Host(name); h.Joins() && !state.Ready {
			return fmt.Errorf("cannot recover host %s: its Node is not Ready. It stays isolated; to see why: provision doctor %s", name, name)
		}
	}
	return nil
}

// serveBudget bounds the question whether a master serves.
const serveBudget = 5 * time.Second

// anotherServes refuses to isolate the last master that serves.
func (i *Isolation) anotherServes(ctx context.Context, o *Surveyor) error {
	out := o.Isolated()
	var asked, taken []string
	for _, h := range o.Fleet.Inventory.With(inventory.RoleMaster) {
		m := o.Fleet.Members[h.Name]
		if out[h.Name] && i.has(h.Name) {
			taken = append(taken, h.Name)
		}
		if out[h.Name] || m == nil {
			continue
		}
		asked = append(asked, h.Name)
		for _, c := range o.Components {
			gate := c.Gate()
			if c.Name() != "controlplane" || gate.URL == "" {
				continue
			}
			if err := api.Probe.Do(ctx, m.Agent, api.ProbeParams{URL: gate.URL, CA: gate.CA, Within: serveBudget}); err == nil {
				return nil
			}
		}
	}
	switch {
	case len(taken) == 0:
		return nil
	case len(asked) == 0:
		return fmt.Errorf("cannot isolate %s: no other master is in service, so the cluster would have no API; recover or add another one first", strings.Join(taken, ", "))
	}
	return fmt.Errorf("cannot isolate %s: no other master serves (asked: %s), so the cluster would have no API; fix one of them first (provision doctor)", strings.Join(taken, ", "), strings.Join(asked, ", "))
}
