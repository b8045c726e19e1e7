package restore

import (
	"context"
	"fmt"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/component/controlplane"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/etcd"
	"provision/provision/event"
	"provision/provision/inventory"
	"provision/provision/kube"
	"provision/provision/plan"
	"provision/provision/resource/node"
)

// halt stops, on all hosts, whoever talks to the API, then the API, then etcd:
// what they have in memory is of data that will be no more. Containers run on.
func (r *Restorer) halt(ctx context.Context, epoch uint64) error {
	r.Fleet.Emit(event.Event{Type: event.PhaseStarted, Text: "Stopping the cluster"})
	rounds := []func(h inventory.Host) []api.StopUnit{r.clients, func(h inventory.Host) []api.StopUnit {
		if h.Has(inventory.RoleEtcd) {
			return []api.StopUnit{{Name: etcdcomponent.Unit, Disable: true}}
		}
		return nil
	}}
	for _, units := range rounds {
		if err := r.Fleet.Do(r.Fleet.Names(), func(name string) error {
			m := r.Fleet.Members[name]
			if list := units(m.Host); len(list) > 0 {
				return api.Stop.Do(ctx, m.Agent, api.StopParams{Epoch: epoch, Units: list})
			}
			return nil
		}); err != nil {
			return fmt.Errorf("stopping the cluster: %w; run the same command again", err)
		}
	}
	r.Keys.Point("restore stopped")
	return nil
}

// clients are the units of a host that have objects of the API in memory; the
// API server last, which without etcd would take its time to end.
func (r *Restorer) clients(h inventory.Host) []api.StopUnit {
	c := &component.Cluster{Inventory: r.Fleet.Inventory, Facts: r.Fleet.Facts(), Components: r.Components}
	var list []api.StopUnit
	for _, one := range component.Clients(c, h) {
		if one.Unit != controlplane.APIServer && one.Unit != "" && !slices.ContainsFunc(list, func(u api.StopUnit) bool { return u.Name == one.Unit }) {
			list = append(list, api.StopUnit{Name: one.Unit})
		}
	}
	if h.Has(inventory.RoleMaster) {
		list = append(list, api.StopUnit{Name: controlplane.APIServer, Disable: true, Kill: true})
	}
	return list
}

// Mend ends the alarm NOSPACE that came with the data, before anybody writes.
func (r *Restorer) Mend(ctx context.Context) error {
	members, err := r.API.EtcdStatus(ctx)
	if err != nil {
		return fmt.Errorf("asking the restored etcd: %w", err)
	}
	if !slices.ContainsFunc(members, func(m etcd.MemberStatus) bool { return slices.Contains(m.Alarms, etcd.AlarmNoSpace) }) {
		return nil
	}
	keep, err := r.API.Upkeep(ctx)
	if err == nil {
		_, err = etcd.Defragment{All: true, Told: func(text string) { r.Note("", text) }}.Run(ctx, keep)
	}
	return err
}

// Nodes deletes, before anything acts on them, the Nodes of hosts that left since
// the backup, and those with another pod range than the roster's: a range is never
// given twice. Apply makes those anew that a host is.
func (r *Restorer) Nodes(ctx context.Context) error {
	if err := r.API.Open(ctx); err != nil {
		return fmt.Errorf("waiting for the restored API: %w", err)
	}
	status, err := r.API.Status(ctx)
	if err != nil {
		return fmt.Errorf("listing Nodes: %w", err)
	}
	env, err := r.API.Env(ctx)
	if err != nil {
		return err
	}
	ranges, err := r.Fleet.PodRanges()
	if err != nil {
		return err
	}
	for _, n := range status.Nodes {
		object, err := env.Objects.Get(ctx, node.RefOf(n.Name))
		if err != nil {
			return fmt.Errorf("reading Node %s: %w", n.Name, err)
		}
		want, ours := ranges[n.Name]
		why := stale(n, want.String(), ours, node.Ours(object))
		if why == "" {
			continue
		}
		if err := env.Objects.Delete(ctx, node.RefOf(n.Name)); err != nil {
			return fmt.Errorf("deleting Node %s, %s: %w", n.Name, why, err)
		}
		r.Note("", fmt.Sprintf("Node %s is deleted: %s", n.Name, why))
	}
	return nil
}

// stale says why a Node of the backup must go; "" when it stays.
func stale(n kube.NodeStatus, want string, host, ours bool) string {
	switch {
	case !host && ours:
		return "its host left the cluster after the backup"
	case host && len(n.PodCIDRs) > 0 && !slices.Equal(n.PodCIDRs, []string{want}):
		return fmt.Sprintf("it has the pod range %v of then, and its host has %s", n.PodCIDRs, want)
	}
	return ""
}

// Note tells the operator.
func (r *Restorer) Note(host, text string) {
	r.Fleet.Emit(event.Event{Type: event.Note, Host: host, Text: text})
}

// Silent agrees to the plans of a restore that was agreed to as a whole.
func Silent(*plan.Plan) (bool, error) { return true, nil }
