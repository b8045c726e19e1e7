package provision

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource/cert"
)

// writeRoster tells masters and etcd hosts who belongs to the cluster, before
// anything else, so that pod ranges never move even when the run is killed.
// Hosts that left the inventory stay on it until nothing of them is left.
func (o *Operator) writeRoster(ctx context.Context, s *survey, forgotten ...string) error {
	roster := facts.Roster{Written: o.fleet.Now().UTC(), Services: o.fleet.Inventory.Network.Services.String()}
	o.rosterWritten = roster.Written
	known := o.fleet.Known()
	for name, h := range known {
		if _, listed := o.fleet.Inventory.Host(name); !listed && !slices.Contains(forgotten, name) {
			roster.Hosts = append(roster.Hosts, h)
		}
	}
	certs := s.certs()
	for _, h := range o.fleet.Inventory.Hosts {
		entry := o.rosterHost(s, h, known)
		if wanted, answered := certs[h.Name]; answered {
			entry.Certs = wanted
		}
		roster.Hosts = append(roster.Hosts, entry)
	}
	slices.SortFunc(roster.Hosts, func(a, b facts.RosterHost) int { return strings.Compare(a.Name, b.Name) })
	return o.fleet.Do(o.fleet.Keepers(), func(name string) error { return o.fleet.Members[name].Agent.Roster(ctx, roster) })
}

func (o *Operator) rosterHost(s *survey, h inventory.Host, known map[string]facts.RosterHost) facts.RosterHost {
	entry := facts.RosterHost{Name: h.Name, Address: h.Address.String(), Port: h.Port, User: h.User, HostKey: h.HostKey, Jump: o.fleet.Inventory.SSH.Jump()}
	if m := o.fleet.Members[h.Name]; m != nil {
		entry.HostKey, entry.MachineID = m.Agent.HostKey(), m.Facts.MachineID
	} else if before, ok := known[h.Name]; ok {
		entry.HostKey, entry.MachineID = before.HostKey, before.MachineID
	}
	before := known[h.Name]
	entry.Isolated, entry.Reboot, entry.Certs = before.Isolated, before.Reboot, before.Certs
	entry.Rebuilding = before.Rebuilding && !o.progress.Rebuilt[h.Name]
	o.progress.Now = o.fleet.Now()
	o.Task.Mark(&entry, o.progress)
	for _, role := range h.Roles {
		entry.Roles = append(entry.Roles, string(role))
	}
	if prefix, ok := s.cluster.PodCIDRs[h.Name]; ok {
		entry.PodCIDR = prefix.String()
	}
	return entry
}

// certs are what each host of the graph may ask for by itself: the certificates
// that it is to have.
func (s *survey) certs() map[string][]string {
	all := map[string][]string{}
	for _, r := range s.graph.Resources {
		var spec cert.Spec
		if r.Address.Kind == cert.Kind && json.Unmarshal(r.Spec, &spec) == nil {
			all[r.Address.Host] = append(all[r.Address.Host], spec.Ask().Digest())
		}
	}
	return all
}
