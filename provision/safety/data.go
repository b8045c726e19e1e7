package safety

import (
	"fmt"
	"path"

	"provision/provision/component/etcd"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// movedData are etcd hosts whose member has its data elsewhere than the
// inventory says by now. They would look lost, and nothing moves them.
func (in Input) movedData() []error {
	var bad []error
	wanted := path.Dir(etcd.MemberDir(in.Inventory))
	for _, h := range in.Inventory.With(inventory.RoleEtcd) {
		if was := etcd.Data(in.Facts[h.Name].Owned); was != "" && was != wanted {
			bad = append(bad, fmt.Errorf("etcd's data_dir cannot change from %s to %s: the data of the member on host %s are in %s; put data_dir = %q back", was, wanted, h.Name, was, was))
		}
	}
	return bad
}

// strayData are hosts with etcd data in a cluster that is about to be made: the
// data are of a cluster whose ledger is lost, or of somebody else.
func (in Input) strayData() []error {
	if in.Founded {
		return nil
	}
	var bad []error
	for _, h := range in.Inventory.With(inventory.RoleEtcd) {
		if len(in.Facts[h.Name].Present) > 0 {
			bad = append(bad, fmt.Errorf("host %s has etcd data in %s, but no ledger records a cluster: restore its %s from a backup, or move the data away if you do not need them",
				h.Name, etcd.MemberDir(in.Inventory), system.LedgerDir))
		}
	}
	return bad
}
