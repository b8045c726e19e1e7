package provision

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/inventory"
)

// reformed is an etcd cluster that took the place of the one that the ledgers
// know: its data were restored from a snapshot. Ids are hexadecimal.
type reformed struct{ was, is string }

// EtcdIDs asks the members for the ids of their clusters, by host.
func (a *access) EtcdIDs(ctx context.Context) (map[string]uint64, error) {
	client, err := a.Etcd(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]uint64{}
	for endpoint, id := range client.ClusterIDs(ctx) {
		for _, h := range a.o.Inventory.With(inventory.RoleEtcd) {
			if etcdcomponent.ClientURL(h) == endpoint {
				ids[h.Name] = id
			}
		}
	}
	return ids, nil
}

// compareEtcd finds out whether etcd is the one that the ledgers know. Members
// that do not answer are no reason to stop: others see to that.
func (o *Operator) compareEtcd(ctx context.Context, s *survey) error {
	if !o.formed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reachBudget)
	defer cancel()
	ids, err := s.etcdIDs, error(nil)
	if ids == nil {
		ids, err = o.api.EtcdIDs(ctx)
	}
	if err != nil || len(ids) == 0 {
		return nil //nolint:nilerr // see above
	}
	s.reformed, err = sameEtcd(o.decision.Identity.EtcdClusterID, ids)
	return err
}

// sameEtcd compares what the ledgers know with what the members say. Members of
// two clusters never become one, and which of them has the right data is not
// for us to say.
func sameEtcd(known string, ids map[string]uint64) (*reformed, error) {
	hosts := map[string][]string{}
	for _, host := range slices.Sorted(maps.Keys(ids)) {
		id := strconv.FormatUint(ids[host], 16)
		hosts[id] = append(hosts[id], host)
	}
	if len(hosts) == 1 {
		for id := range hosts {
			if id != known {
				return &reformed{was: known, is: id}, nil
			}
		}
		return nil, nil //nolint:nilnil // the same as before
	}
	var lines []string
	for _, id := range slices.Sorted(maps.Keys(hosts)) {
		note := ""
		if id == known {
			note = ", the one that the cluster had"
		}
		lines = append(lines, fmt.Sprintf("%s: etcd cluster %s%s", strings.Join(hosts[id], ", "), id, note))
	}
	return nil, fmt.Errorf("cannot go on: etcd's members belong to different etcd clusters:\n  %s\nNothing was changed. Was a snapshot restored on some hosts only? Decide which data are right; on the other hosts stop etcd.service and move their data away: they join anew with the next apply",
		strings.Join(lines, "\n  "))
}

// gone is what to do when all data of etcd are lost.
func (o *Operator) gone(hosts []string) error {
	inv := o.Inventory
	token := inv.Cluster.Name + "-restored-" + o.Now().UTC().Format("20060102T150405")
	var b strings.Builder
	for _, c := range etcdcomponent.Restore(inv, token) {
		fmt.Fprintf(&b, "\non %s:\n  %s\n", c.Host, strings.Join(c.Lines, "\n  "))
	}
	return fmt.Errorf("cannot go on: all etcd data of cluster %q are gone (looked for %s on %s). Nothing was changed; an empty etcd would lose every object of the cluster.\nEither put the data folders back, or copy one snapshot, the same, to %s on each of these hosts and run as root:\n%s\nThen apply again: it starts what was stopped, and records the new etcd cluster. What was changed after the snapshot was taken is lost",
		inv.Cluster.Name, etcdcomponent.MemberDir(inv), strings.Join(hosts, ", "), etcdcomponent.Snapshot, b.String())
}
