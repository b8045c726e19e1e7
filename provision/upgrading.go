package provision

import (
	"fmt"
	"strings"

	"provision/provision/event"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/run"
	"provision/provision/upgrade"
)

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
	return fmt.Errorf("cannot start: the store lacks artifacts of a hop; name the versions in versions { via = [...] } and run: provision bundle pull\n%s", strings.Join(lines, "\n"))
}

// more reports whether another hop is to follow a run that went well, and gets
// ready for it. Nothing is remembered: what the hosts run then says where the
// way goes on.
func (o *Operator) more(outcome *run.Outcome) bool {
	hops := outcome.Plan.Hops
	if len(hops) < 2 {
		return false
	}
	if scope := o.surveyor.Task.Scope(); len(o.surveyor.Targets) > 0 || scope.OneHop || scope.Narrow {
		o.fleet.Emit(event.Event{Type: event.Note, Text: "This was one hop of the upgrade; apply again for the next: Kubernetes " + hops[1].Kubernetes})
		return false
	}
	o.fleet.Emit(event.Event{Type: event.Note, Text: fmt.Sprintf("The cluster runs Kubernetes %s and etcd %s; %s to go: next %s and %s",
		hops[0].Kubernetes, hops[0].Etcd, event.Count(len(hops)-1, "hop"), hops[1].Kubernetes, hops[1].Etcd)})
	o.fleet.Close()
	o.startOver(nil)
	return true
}

// Stops are the inventory with its own versions, and with those of each release
// that an upgrade is to go by: what artifacts are needed for.
func Stops(inv *inventory.Inventory) []*inventory.Inventory {
	list := []*inventory.Inventory{inv}
	for _, text := range inv.Cluster.Via {
		stop := *inv
		v, err := upgrade.Parse(text)
		etcd, errEtcd := upgrade.Parse(inv.Cluster.Versions.Etcd())
		switch {
		case err != nil || errEtcd != nil:
			continue
		case v.Major == etcd.Major:
			stop.Cluster.Versions = inv.Cluster.Versions.With(inventory.FamilyEtcd, text)
		default:
			stop.Cluster.Versions = inv.Cluster.Versions.With(inventory.FamilyKubernetes, text).With(inventory.FamilyKubelet, "")
		}
		list = append(list, &stop)
	}
	return list
}
