package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/component/kubelet"
	"provision/provision/component/loadbalancer"
	"provision/provision/desired"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/drain"
	"provision/provision/resource/node"
	"provision/provision/resource/uncordon"
)

// Isolation takes hosts out of service, or back into it. Apply does that and
// nothing else.
type Isolation struct {
	// Hosts are isolated, or recover.
	Hosts []string
	// Recover: their Nodes take pods again, and balancers send them requests.
	Recover bool
	// Unmanaged evicts pods that have no controller, too.
	Unmanaged bool
	// Timeout bounds the wait for evictions; 0: as the drain has it.
	Timeout time.Duration
}

func (i *Isolation) has(host string) bool { return i != nil && slices.Contains(i.Hosts, host) }

// isolated are the hosts out of service once this run is over: the roster says
// so of them, which masters and etcd hosts keep.
func (o *Operator) isolated() map[string]bool {
	known := o.fleet.Known()
	out := map[string]bool{}
	for _, h := range o.Inventory.Hosts {
		named := o.Isolation.has(h.Name)
		if named && !o.Isolation.Recover || known[h.Name].Isolated && !named {
			out[h.Name] = true
		}
	}
	return out
}

// isolate makes a spec that of an isolated Node.
func isolate(spec *node.Spec) {
	spec.Taints = append(spec.Taints, node.Taint{Key: drain.IsolatedTaint, Effect: "NoSchedule"})
}

// schedulable says whether pods go to a host's Node.
func (o *Operator) schedulable(h inventory.Host, isolated map[string]bool) resource.Resource {
	r := uncordonOf(h)
	switch {
	case isolated[h.Name]:
		r = o.emptied(h)
	case o.Isolation.has(h.Name):
		r = resource.New(resource.ClusterHost, uncordon.Name, h.Name, uncordon.Spec{Isolated: true}).
			After(desired.GateAddress(gateAPI), component.UnitAt(h.Name, kubelet.Unit), component.NodeAt(h.Name))
	}
	r.Component = "nodes"
	return r
}

// emptied wants no pods on a host's Node, and none to come. Once it is isolated
// its pods are nobody's business but that of who looks into it.
func (o *Operator) emptied(h inventory.Host) resource.Resource {
	spec := drain.Spec{Stay: true}
	if o.Isolation.has(h.Name) {
		spec = drain.Spec{ReadyOnly: true, Unmanaged: o.Isolation.Unmanaged, Timeout: o.Isolation.Timeout}
	}
	return resource.New(resource.ClusterHost, drain.Name, h.Name, spec).After(desired.GateAddress(gateAPI), component.NodeAt(h.Name))
}

// absentIsolated are the Nodes of isolated hosts that do not answer: the first
// thing that one wants of a sick host is that nobody uses it.
func (o *Operator) absentIsolated(c *component.Cluster) []resource.Resource {
	var list []resource.Resource
	known := o.fleet.Known()
	for _, h := range o.Inventory.Hosts {
		_, member := known[h.Name]
		if o.fleet.Members[h.Name] != nil || !h.Joins() || !member || !c.Isolated[h.Name] {
			continue
		}
		r := resource.New(resource.ClusterHost, node.Name, h.Name, nodeSpec(c, h)).After(desired.GateAddress(gateAPI))
		r.Component = "nodes"
		list = append(list, r, o.schedulable(h, c.Isolated))
	}
	return list
}

// isolations limits a run that isolates hosts, or lets them recover, to what
// that takes, and plans the mark in the roster: set before all else, taken away
// last, so that a run that was killed is finished by the next.
func (o *Operator) isolations(in *plan.Input) {
	if o.Isolation == nil {
		return
	}
	in.Isolating = map[string]plan.Isolating{}
	o.Targets = nil
	isolated := o.isolated()
	known := o.fleet.Known()
	for _, name := range o.Isolation.Hosts {
		h, _ := o.Inventory.Host(name)
		i := plan.Isolating{Back: o.Isolation.Recover, Steps: []resource.Address{component.NodeAt(name), o.schedulable(h, isolated).Address}}
		if h.Has(inventory.RoleMaster) {
			for _, other := range o.fleet.Answered(o.Inventory) {
				if _, member := known[other.Name]; !member {
					continue
				}
				i.Steps = append(i.Steps, component.UnitAt(other.Name, loadbalancer.Unit))
			}
		}
		in.Isolating[name] = i
		o.Targets = append(o.Targets, plan.IsolationAddress(name).String())
		for _, a := range i.Steps {
			o.Targets = append(o.Targets, a.String())
		}
	}
}

// isolable refuses what a run that isolates, or lets recover, must not do.
func (o *Operator) isolable(ctx context.Context) error {
	if o.Isolation == nil {
		return nil
	}
	known := o.fleet.Known()
	for _, name := range o.Isolation.Hosts {
		entry, member := known[name]
		switch {
		case !member:
			return fmt.Errorf("host %s is not part of the cluster yet; apply first", name)
		case !slices.Contains(entry.Roles, string(inventory.RoleMaster)) && !slices.Contains(entry.Roles, string(inventory.RoleNode)):
			return fmt.Errorf("host %s has no Node, so there is nothing to keep off it; an etcd member that is ill is taken out with its role", name)
		case o.Isolation.Recover && !entry.Isolated:
			return fmt.Errorf("host %s is not isolated; if its Node is only cordoned: provision node uncordon %s", name, name)
		}
	}
	if o.Isolation.Recover {
		return o.proven(ctx)
	}
	return o.anotherServes(ctx)
}

// proven refuses to let hosts recover whose Nodes are not Ready.
func (o *Operator) proven(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reachBudget)
	defer cancel()
	env, err := o.api.Env(ctx)
	if err != nil {
		return err
	}
	for _, name := range o.Isolation.Hosts {
		if o.fleet.Members[name] == nil {
			return fmt.Errorf("cannot let host %s recover: it does not answer: %w", name, o.fleet.Failed[name])
		}
		object, err := env.Objects.Get(ctx, drain.Ref(name))
		if err != nil {
			return fmt.Errorf("cannot let host %s recover: reading its Node: %w", name, err)
		}
		state, err := drain.Read(name, object)
		if err != nil {
			return err
		}
		if h, _ := o.Inventory.Host(name); h.Joins() && !state.Ready {
			return fmt.Errorf("cannot let host %s recover: its Node is not Ready; why, is what provision doctor %s tells. It stays isolated", name, name)
		}
	}
	return nil
}

// serveBudget bounds the question whether a master serves.
const serveBudget = 5 * time.Second

// anotherServes refuses to isolate the last master that serves.
func (o *Operator) anotherServes(ctx context.Context) error {
	out := o.isolated()
	var asked, taken []string
	for _, h := range o.Inventory.With(inventory.RoleMaster) {
		m := o.fleet.Members[h.Name]
		if out[h.Name] && o.Isolation.has(h.Name) {
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
			if _, err := m.Agent.Probe(ctx, api.ProbeParams{URL: gate.URL, CA: gate.CA, Within: serveBudget}); err == nil {
				return nil
			}
		}
	}
	switch {
	case len(taken) == 0:
		return nil
	case len(asked) == 0:
		return fmt.Errorf("cannot isolate %s: no other master is in service, and the cluster would have no API; let another one recover, or add one, first", strings.Join(taken, ", "))
	}
	return fmt.Errorf("cannot isolate %s: no other master serves (asked: %s), and the cluster would have no API; see provision doctor, and mend one of them first", strings.Join(taken, ", "), strings.Join(asked, ", "))
}

// mark sets or takes away the roster's mark of a host.
func (s *steps) mark(ctx context.Context, host string, isolated bool) error {
	s.roster.Lock()
	defer s.roster.Unlock()
	if s.o.marks == nil {
		s.o.marks = map[string]bool{}
	}
	s.o.marks[host] = isolated
	return s.o.writeRoster(ctx, s.survey, s.forgotten...)
}
