package survey

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/component/nodes"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
)

// Reboot restarts hosts. Apply does that and nothing else.
type Reboot struct {
	Hosts []string
	// All: one that does not answer is left out; else it is an error.
	All bool
	// IfNeeded leaves out those that say of nothing that it needs a boot.
	IfNeeded bool
	// Within is how long a host may take to come back; 0: 15 minutes.
	Within time.Duration
	end    resource.Address // the step that forgets that they were to be rebooted
}

// Scope implements Task.
func (r *Reboot) Scope() Scope { return Scope{Narrow: true, Back: r.Within} }

// Mark implements Task: that a host is to be rebooted, until all are.
func (r *Reboot) Mark(entry *facts.RosterHost, at Progress) {
	if !slices.Contains(r.Hosts, entry.Name) {
		return
	}
	switch boot, asked := at.Boots[entry.Name]; {
	case at.Passed(r.end):
		entry.Reboot = nil
	case asked && entry.Reboot == nil:
		entry.Reboot = &facts.Reboot{Boot: boot, Since: at.Now.UTC()}
	}
}

// todo are the hosts that a run is still to reboot. Those that an earlier
// run, which did not come to its end, has rebooted already are done.
func (r *Reboot) todo(f *fleet.Fleet) (hosts, done []string) {
	known := f.Known()
	for _, name := range r.Hosts {
		m := f.Members[name]
		if m == nil {
			continue
		}
		switch mark := known[name].Reboot; {
		case mark != nil && mark.Boot != m.Facts.BootID:
			done = append(done, name)
		case r.IfNeeded && len(m.Facts.NeedsBoot) == 0:
		default:
			hosts = append(hosts, name)
		}
	}
	return hosts, done
}

// Limit implements Task: reboots, and letting pods onto hosts that an earlier run
// has rebooted.
func (r *Reboot) Limit(o *Surveyor, _ *Survey, in *plan.Input) []string {
	known := o.Fleet.Known()
	hosts, done := r.todo(o.Fleet)
	in.Reboots = map[string]plan.Boot{}
	only := []string{r.end.String()}
	for _, name := range hosts {
		f := o.Fleet.Members[name].Facts
		in.Reboots[name] = plan.Boot{ID: f.BootID, Why: f.NeedsBoot}
		only = append(only, plan.RebootAddress(name).String())
	}
	isolated := o.Isolated()
	for _, name := range append(slices.Clone(hosts), done...) {
		if h, _ := o.Fleet.Inventory.Host(name); h.Joins() && !isolated[name] {
			only = append(only, nodes.UncordonAt(name).String())
		}
	}
	for _, name := range r.Hosts {
		in.RebootsOpen = in.RebootsOpen || known[name].Reboot != nil
	}
	for _, name := range done {
		in.Warnings = append(in.Warnings, fmt.Sprintf("an interrupted run has already rebooted host %s, after %s; to reboot it again, run the same command once more afterwards",
			name, known[name].Reboot.Since.Local().Format(time.DateTime)))
	}
	in.Warnings = append(in.Warnings, standstill(o.Fleet.Inventory, hosts)...)
	return only
}

// standstill says what stops meanwhile, where nothing else can do its work.
func standstill(inv *inventory.Inventory, hosts []string) []string {
	var list []string
	masters, members := inv.With(inventory.RoleMaster), inv.With(inventory.RoleEtcd)
	for _, name := range hosts {
		h, _ := inv.Host(name)
		switch {
		case h.Has(inventory.RoleMaster) && len(masters) == 1:
			list = append(list, fmt.Sprintf("the API does not answer while %s reboots: it is the only master", name))
		case h.Has(inventory.RoleEtcd) && len(members) < 3:
			list = append(list, fmt.Sprintf("the API does not answer while %s reboots: etcd needs all its %d members", name, len(members)))
		}
	}
	return list
}

// Check implements Task.
func (r *Reboot) Check(ctx context.Context, o *Surveyor) error {
	r.end = plan.RebootsAddress(o.Fleet.Inventory.Cluster.Name)
	if o.Fleet.Decision.Identity == nil {
		return fmt.Errorf("cannot reboot hosts: cluster %q does not exist yet; create it with: provision apply", o.Fleet.Inventory.Cluster.Name)
	}
	known := o.Fleet.Known()
	for _, name := range r.Hosts {
		_, member := known[name]
		switch {
		case o.Fleet.Members[name] == nil && r.All:
		case o.Fleet.Members[name] == nil:
			return fmt.Errorf("cannot reboot host %s: it does not answer: %w", name, o.Fleet.Absent[name].Why)
		case !member && !r.All:
			return fmt.Errorf("cannot reboot host %s: it is not in the cluster yet; apply first", name)
		}
	}
	r.Hosts = slices.DeleteFunc(slices.Clone(r.Hosts), func(name string) bool {
		_, member := known[name]
		if !member {
			o.Fleet.Emit(event.Event{Type: event.Note, Host: name, Text: "Host " + name + " is not in the cluster: not rebooted"})
		}
		return !member
	})
	hosts, _ := r.todo(o.Fleet)
	for _, name := range hosts {
		if err := o.Spared(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// Spared refuses to reboot a host without which the cluster would lose its etcd
// or its API, although it need not: because another one is down already.
func (sv *Surveyor) Spared(ctx context.Context, host string) error {
	h, _ := sv.Fleet.Inventory.Host(host)
	if h.Has(inventory.RoleEtcd) {
		if down, why := sv.down(ctx, inventory.RoleEtcd, "etcd", host); len(down) > 0 {
			return fmt.Errorf("cannot reboot host %s: etcd's member on %s does not answer, and with two down etcd may lose its quorum; fix %s first (provision doctor): %w",
				host, strings.Join(down, ", "), strings.Join(down, ", "), why)
		}
	}
	if masters := sv.Fleet.Inventory.With(inventory.RoleMaster); h.Has(inventory.RoleMaster) && len(masters) > 1 {
		if down, why := sv.down(ctx, inventory.RoleMaster, "controlplane", host); len(down) == len(masters)-1 {
			return fmt.Errorf("cannot reboot host %s: no other master serves, so the cluster would have no API; fix one of %s first (provision doctor): %w",
				host, strings.Join(down, ", "), why)
		}
	}
	return nil
}

// down are the other hosts of a role whose part of the cluster does not answer.
func (sv *Surveyor) down(ctx context.Context, role inventory.Role, part, but string) ([]string, error) {
	var names []string
	for _, h := range sv.Fleet.Inventory.With(role) {
		if h.Name != but {
			names = append(names, h.Name)
		}
	}
	gate := sv.gateOf(part)
	errs := fleet.Each(names, func(name string) error {
		m := sv.Fleet.Members[name]
		if m == nil {
			return sv.Fleet.Absent[name].Why
		}
		if gate.URL == "" {
			return nil
		}
		err := api.Probe.Do(ctx, m.Agent, api.ProbeParams{URL: gate.URL, CA: gate.CA, Within: serveBudget})
		return err
	})
	return slices.Sorted(maps.Keys(errs)), fleet.InOrder(errs)
}

func (sv *Surveyor) gateOf(part string) component.Gate {
	for _, c := range sv.Components {
		if c.Name() == part {
			return c.Gate()
		}
	}
	return component.Gate{}
}
