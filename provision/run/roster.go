package run

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource/cert"
	"provision/provision/survey"
)

// writeRoster tells masters and etcd hosts who belongs to the cluster, before
// anything else, so that pod ranges never move even when the run is killed.
// Hosts that left the inventory stay on it until nothing of them is left.
func (rn *Runner) writeRoster(ctx context.Context, s *survey.Survey, forgotten ...string) error {
	roster := facts.Roster{Written: rn.Fleet.Now().UTC(), Services: rn.Fleet.Inventory.Network.Services.String()}
	rn.rosterWritten = roster.Written
	known := rn.Fleet.Known()
	for name, h := range known {
		if _, listed := rn.Fleet.Inventory.Host(name); !listed && !slices.Contains(forgotten, name) {
			roster.Hosts = append(roster.Hosts, h)
		}
	}
	certs := certsOf(s)
	for _, h := range rn.Fleet.Inventory.Hosts {
		entry := rn.rosterHost(s, h, known)
		if wanted, answered := certs[h.Name]; answered {
			entry.Certs = wanted
		}
		roster.Hosts = append(roster.Hosts, entry)
	}
	slices.SortFunc(roster.Hosts, func(a, b facts.RosterHost) int { return strings.Compare(a.Name, b.Name) })
	return rn.Fleet.Do(rn.Fleet.Keepers(), func(name string) error { return api.Roster.Do(ctx, rn.Fleet.Members[name].Agent, roster) })
}

func (rn *Runner) rosterHost(s *survey.Survey, h inventory.Host, known map[string]facts.RosterHost) facts.RosterHost {
	entry := facts.RosterHost{Name: h.Name, Address: h.Address.String(), Port: h.Port, User: h.User, HostKey: h.HostKey, Jump: rn.Fleet.Inventory.SSH.Jump()}
	if m := rn.Fleet.Members[h.Name]; m != nil {
		entry.HostKey, entry.MachineID = m.Agent.HostKey(), m.Facts.MachineID
	} else if before, ok := known[h.Name]; ok {
		entry.HostKey, entry.MachineID = before.HostKey, before.MachineID
	}
	before := known[h.Name]
	entry.Isolated, entry.Reboot, entry.Certs = before.Isolated, before.Reboot, before.Certs
	entry.Rebuilding = before.Rebuilding && !rn.progress.Rebuilt[h.Name]
	rn.progress.Now = rn.Fleet.Now()
	rn.Surveyor.Task.Mark(&entry, rn.progress)
	for _, role := range h.Roles {
		entry.Roles = append(entry.Roles, string(role))
	}
	if prefix, ok := s.Cluster.PodCIDRs[h.Name]; ok {
		entry.PodCIDR = prefix.String()
	}
	return entry
}

// certsOf are what each host of the graph may ask for by itself: the certificates
// that it is to have.
func certsOf(s *survey.Survey) map[string][]string {
	all := map[string][]string{}
	for _, r := range s.Graph.Resources {
		var spec cert.Spec
		if r.Address.Kind == cert.Kind && json.Unmarshal(r.Spec, &spec) == nil {
			all[r.Address.Host] = append(all[r.Address.Host], spec.Ask().Digest())
		}
	}
	return all
}
