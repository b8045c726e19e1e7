package survey

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/removal"
)

// Plan makes the plan of what a look has found.
func (sv *Surveyor) Plan(s *Survey) (*plan.Plan, error) {
	in := plan.Input{
		Cluster: sv.Fleet.Inventory.Cluster.Name, Target: sv.Fleet.Target(), Inventory: sv.Keys.InventoryDigest(),
		Now: sv.Fleet.Now(), Graph: s.Graph, Hosts: s.Hosts, Objects: s.Objects, Warnings: s.warn,
		Environment: sv.Fleet.Inventory.Cluster.Environment, Removals: sv.removals(),
	}
	if sv.Fleet.Decision.Identity != nil {
		in.UUID = sv.Fleet.Decision.Identity.UUID
	}
	if !sv.Keys.Formed() {
		for _, h := range sv.Fleet.Answered(sv.Fleet.Inventory) {
			if h.Has(inventory.RoleEtcd) {
				in.Forming = append(in.Forming, component.MemberAt(h.Name))
			}
		}
	}
	if s.reformed != nil {
		in.EtcdWas, in.EtcdIs = s.reformed.Was, s.reformed.Is
		in.Warnings = append(in.Warnings, fmt.Sprintf("etcd is cluster %[2]s, not %[1]s as before: it was restored from a snapshot. Changes after the snapshot are lost; apply records the new id", s.reformed.Was, s.reformed.Is))
	}
	in.Leaving, in.Rollout, in.Reregistered = sv.leaves(s), sv.rollout(), sv.reregistered(s)
	in.Snapshots, in.Narrow = sv.snapshots(s), sv.Task.Scope().Narrow
	if s.ledgerErr != nil {
		return nil, fmt.Errorf("cannot tell what leaves the cluster: %w", s.ledgerErr)
	}
	in.Ledger = s.Ledger
	only := sv.Task.Limit(sv, s, &in)
	if only == nil {
		only = sv.Targets
	}
	var err error
	if in.Targets, err = plan.ParseTargets(only, in); err != nil {
		return nil, err
	}
	p := plan.Build(in)
	return p, sv.upgrades(s, p)
}

// rollout bounds the waves. Only workers are counted: masters and etcd hosts go
// one by one anyway.
func (sv *Surveyor) rollout() plan.Rollout {
	workers := 0
	for _, h := range sv.Fleet.Inventory.Hosts {
		if h.Joins() && !h.Keeper() {
			workers++
		}
	}
	return plan.Rollout{MaxUnavailable: sv.Fleet.Inventory.Rollout.AtOnce(workers), Canary: sv.Fleet.Inventory.Rollout.Canary}
}

// removals are what this run takes away from the cluster because the inventory
// does. Hosts that are named one by one are not a mistake in it.
func (sv *Surveyor) removals() removal.Set {
	if sv.Task.Scope().Narrow {
		return removal.Set{}
	}
	known := sv.Fleet.Known()
	return removal.Of(slices.Collect(maps.Values(known)), sv.Fleet.Inventory)
}

// Incomplete is the error of a run in which hosts were skipped.
func Incomplete(p *plan.Plan) error {
	var list []error
	for _, h := range p.Hosts {
		if h.Error != "" && p.Concerns(h.Name) {
			list = append(list, fmt.Errorf("host %s was skipped: %s", h.Name, h.Error))
		}
	}
	return errors.Join(list...)
}
