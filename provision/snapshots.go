package provision

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/event"
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
	// keptSnapshots is how many stay on a host.
	keptSnapshots = 5
	snapshotLimit = 5 * time.Minute
)

// snapshots are the steps that keep etcd's data before versions of the control
// plane change: on members that run, and know what the cluster knows.
func (o *Operator) snapshots(s *survey) []resource.Address {
	if !upgrading(s) {
		return nil
	}
	name := fmt.Sprintf("before Kubernetes %s and etcd %s", s.hops[0].Kubernetes, s.hops[0].Etcd)
	var list []resource.Address
	for _, h := range o.fleet.Answered(o.fleet.Inventory) {
		if h.Has(inventory.RoleEtcd) && works(s.hosts[h.Name].Result, component.UnitAt(h.Name, etcdcomponent.Unit)) {
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
// snapshot can be taken: that must be possible, because it may be what mends
// them, but there is no way back from another minor release.
func (o *Operator) unkept(s *survey, p *plan.Plan, before, after []upgrade.Host) error {
	if !upgrading(s) || len(o.snapshots(s)) > 0 {
		return nil
	}
	for i, h := range before {
		for _, program := range []string{upgrade.Etcd, upgrade.APIServer} {
			was, is := h.Programs[program], after[i].Programs[program]
			if was.Known() && is.Known() && was.Line() != is.Line() {
				return fmt.Errorf("cannot change %s of %s from %s to %s: etcd runs on no host, so no snapshot of it can be taken before, and without one there would be no way back; mend it with the versions that it has (provision doctor), then upgrade", program, h.Name, was, is)
			}
		}
	}
	p.Warnings = append(p.Warnings, "etcd runs on no host, so no snapshot of it is taken before versions change; earlier ones are in "+system.SnapshotDir+" on etcd hosts")
	return nil
}

// upgrading reports whether a program of etcd or of the API servers is of
// another version than it is to be.
func upgrading(s *survey) bool {
	hop := s.hops[0]
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

// snapshot takes one with the host's own tools, and says where it is.
func (s *steps) snapshot(ctx context.Context, a resource.Address) error {
	hop := s.survey.hops[0]
	pki := func(name string) string { return path.Join(etcdcomponent.PKIDir, name) }
	result, err := s.o.fleet.Members[a.Host].Agent.Snapshot(ctx, api.SnapshotParams{
		Epoch: s.epoch, Keep: keptSnapshots, Within: snapshotLimit, Programs: component.BinDir,
		Name:     fmt.Sprintf("before-%s-etcd-%s-%s.db", hop.Kubernetes, hop.Etcd, s.o.fleet.Now().UTC().Format("20060102T150405Z")),
		Data:     path.Join(etcdcomponent.MemberDir(s.o.fleet.Inventory), "snap", "db"),
		Endpoint: fmt.Sprintf("https://127.0.0.1:%d", component.EtcdClientPort),
		CA:       pki("ca.crt"), Cert: pki("client.crt"), Key: pki("client.key"),
	})
	if err != nil {
		return fmt.Errorf("nothing of the control plane is changed without a snapshot of etcd: %w", err)
	}
	s.o.fleet.Emit(event.Event{Type: event.Note, Host: a.Host, Text: fmt.Sprintf("A snapshot of etcd is in %s on %s: %d keys at revision %d, %.1f MB, verified",
		result.Path, a.Host, result.Keys, result.Revision, float64(result.Size)/1e6)})
	return nil
}
