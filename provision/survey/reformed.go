package survey

import (
	"context"
	"fmt"
	"strings"

	"provision/provision/access"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/identity"
)

// compareEtcd finds out whether etcd is the one that the ledgers know. Members
// that do not answer are no reason to stop: others see to that.
func (sv *Surveyor) compareEtcd(ctx context.Context, s *Survey) error {
	if !sv.Keys.Formed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, access.ReachBudget)
	defer cancel()
	ids, err := s.etcdIDs, error(nil)
	if ids == nil {
		ids, err = sv.API.EtcdIDs(ctx)
	}
	if err != nil || len(ids) == 0 {
		return nil //nolint:nilerr // see above
	}
	s.reformed, err = identity.SameEtcd(sv.Fleet.Decision.Identity.EtcdClusterID, ids)
	return err
}

// gone is what to do when all data of etcd are lost.
func (sv *Surveyor) gone(hosts []string) error {
	inv := sv.Fleet.Inventory
	token := inv.Cluster.Name + "-restored-" + sv.Fleet.Now().UTC().Format("20060102T150405")
	var b strings.Builder
	for _, c := range etcdcomponent.Restore(inv, token) {
		fmt.Fprintf(&b, "\non %s:\n  %s\n", c.Host, strings.Join(c.Lines, "\n  "))
	}
	return fmt.Errorf("cannot go on: all etcd data of cluster %q are gone (looked for %s on %s). Nothing was changed; an empty etcd would lose every object of the cluster.\nEither put the data folders back, or copy one snapshot, the same, to %s on each of these hosts and run as root:\n%s\nThen apply again: it starts what was stopped, and records the new etcd cluster. What was changed after the snapshot was taken is lost",
		inv.Cluster.Name, etcdcomponent.MemberDir(inv), strings.Join(hosts, ", "), etcdcomponent.Snapshot, b.String())
}
