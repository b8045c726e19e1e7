package survey

import (
	"context"
	"slices"

	"provision/provision/access"
	"provision/provision/inventory"
	"provision/provision/upgrade"
)

// learnSilent asks the API for the kubelets of hosts that are skipped.
func (sv *Surveyor) learnSilent(ctx context.Context, s *Survey) {
	away := func(name string) bool {
		h, listed := sv.Fleet.Inventory.Host(name)
		return listed && h.Joins() && sv.Fleet.Members[name] == nil
	}
	if !slices.ContainsFunc(sv.Fleet.Inventory.Hosts, func(h inventory.Host) bool { return away(h.Name) }) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, access.ReachBudget)
	defer cancel()
	status, err := sv.API.Status(ctx)
	if err != nil {
		s.warn = append(s.warn, "cannot check the kubelets of skipped hosts: "+err.Error())
	}
	for _, n := range status.Nodes {
		if v, err := upgrade.Parse(n.Kubelet); err == nil && away(n.Name) {
			s.installed.silent = append(s.installed.silent, upgrade.Host{Name: n.Name, Programs: map[string]upgrade.Version{upgrade.Kubelet: v}})
		}
	}
}
