package provision

import (
	"context"
	"slices"

	"provision/provision/inventory"
	"provision/provision/kube"
	"provision/provision/upgrade"
)

// learnSilent asks the API for the kubelets of hosts that take no part.
func (o *Operator) learnSilent(ctx context.Context, s *survey) {
	api, ok := o.api.(interface {
		Nodes(ctx context.Context) ([]kube.NodeStatus, error)
	})
	away := func(name string) bool {
		h, listed := o.Inventory.Host(name)
		return listed && h.Joins() && o.fleet.Members[name] == nil
	}
	if !ok || !slices.ContainsFunc(o.Inventory.Hosts, func(h inventory.Host) bool { return away(h.Name) }) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reachBudget)
	defer cancel()
	nodes, err := api.Nodes(ctx)
	if err != nil {
		s.warn = append(s.warn, "it is not known which kubelets the hosts have that take no part: "+err.Error())
	}
	for _, n := range nodes {
		if v, err := upgrade.Parse(n.Kubelet); err == nil && away(n.Name) {
			s.installed.silent = append(s.installed.silent, upgrade.Host{Name: n.Name, Programs: map[string]upgrade.Version{upgrade.Kubelet: v}})
		}
	}
}

// Nodes are what the API knows of all Nodes.
func (a *access) Nodes(ctx context.Context) ([]kube.NodeStatus, error) {
	client, err := a.Kube(ctx)
	if err != nil {
		return nil, err
	}
	status, err := client.Status(ctx)
	return status.Nodes, err
}
