package survey

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/unit"
	"provision/provision/upgrade"
)

const (
	// snapshotHosts is on how many etcd hosts a snapshot is taken before an
	// upgrade; one of a few that are lost must not take the only one along.
	snapshotHosts = 2
	// KeptSnapshots is how many stay on a host.
	KeptSnapshots = 5
	SnapshotLimit = 5 * time.Minute
)

// snapshots are the steps that keep etcd's data before versions of the control
// plane change: on members that run, and know what the cluster knows.
func (sv *Surveyor) snapshots(s *Survey) []resource.Address {
	if !upgrading(s) {
		return nil
	}
	name := fmt.Sprintf("before Kubernetes %s and etcd %s", s.Hops[0].Kubernetes, s.Hops[0].Etcd)
	var list []resource.Address
	for _, h := range sv.Fleet.Answered(sv.Fleet.Inventory) {
		if h.Has(inventory.RoleEtcd) && works(s.Hosts[h.Name].Result, component.UnitAt(h.Name, etcdcomponent.Unit)) {
			list = append(list, resource.Address{Host: h.Name, Kind: plan.SnapshotKind, Name: name})
		}
	}
	slices.SortFunc(list, func(a, b resource.Address) int { return strings.Compare(a.Host, b.Host) })
	return list[:min(len(list), snapshotHosts)]
}

// works reports whether the host's unit runs, and not merely starts again and
// again.
func works(seen api.PlanResult, u resource.Address) bool {
	ill := slices.ContainsFunc(seen.Items, func(item api.PlanItem) bool {
		return item.ID == u.ID() && slices.ContainsFunc(item.Changes, func(c resource.Change) bool { return c.Field == unit.FieldActive })
	})
	return !ill && slices.Contains(seen.Running, u.Name)
}

// unkept is for versions that change while no member of etcd works, so that no
// snapshot can be taken: that must be possible, because it may be what fixes
// them, but there is no way back from another minor release.
func (sv *Surveyor) unkept(s *Survey, p *plan.Plan, before, after []upgrade.Host) error {
	if !upgrading(s) || len(sv.snapshots(s)) > 0 {
		return nil
	}
	for i, h := range before {
		for _, program := range []string{upgrade.Etcd, upgrade.APIServer} {
			was, is := h.Programs[program], after[i].Programs[program]
			if was.Known() && is.Known() && was.Line() != is.Line() {
				return fmt.Errorf("cannot change %s of %s from %s to %s: etcd runs on no host, so no snapshot can be taken and there would be no way back; fix etcd with its present versions first (provision doctor)", program, h.Name, was, is)
			}
		}
	}
	p.Warnings = append(p.Warnings, "etcd runs on no host, so versions change without a snapshot; earlier ones are in "+system.SnapshotDir+" on etcd hosts")
	return nil
}

// upgrading reports whether a program of etcd or of the API servers is of
// another version than it is to be.
func upgrading(s *Survey) bool {
	hop := s.Hops[0]
	for _, h := range s.installed.hosts {
		for program, want := range map[string]string{upgrade.Etcd: hop.Etcd, upgrade.APIServer: hop.Kubernetes,
			upgrade.ControllerManager: hop.Kubernetes, upgrade.Scheduler: hop.Kubernetes} {
			if v := h.Programs[program]; v.Known() && v.String() != want {
				return true
			}
		}
	}
	return false
}
