package fleet

import (
	"slices"
	"time"

	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/facts"
	"provision/provision/inventory"
)

// Masters are the masters that answered.
func (f *Fleet) Masters() []*Member {
	var list []*Member
	for _, h := range f.Inventory.With(inventory.RoleMaster) {
		if m := f.Members[h.Name]; m != nil {
			list = append(list, m)
		}
	}
	return list
}

// ClusterTime is the time by the clocks of the hosts: it is them who accept
// certificates or not.
func (f *Fleet) ClusterTime() time.Time {
	now := f.Now()
	var ahead []time.Duration
	for _, m := range f.Members {
		if !m.Facts.Clock.IsZero() {
			ahead = append(ahead, m.Facts.Clock.Sub(now))
		}
	}
	return now.Add(facts.Middle(ahead))
}

// HasData reports whether a member's data are on a host that answered.
func (f *Fleet) HasData(host string) bool {
	m := f.Members[host]
	return m != nil && etcdcomponent.HasData(f.Inventory, m.Facts)
}

// EtcdHosts are the etcd hosts that answered: those with data, if any has.
func (f *Fleet) EtcdHosts() []inventory.Host {
	var all, started []inventory.Host
	for _, h := range f.Inventory.With(inventory.RoleEtcd) {
		if f.Members[h.Name] == nil {
			continue
		}
		all = append(all, h)
		if f.HasData(h.Name) {
			started = append(started, h)
		}
	}
	if len(started) > 0 {
		return started
	}
	return all
}

// Split tells the hosts that hold the cluster's lock from the others, in sorted
// order.
func (f *Fleet) Split(names []string) (keepers, others []string) {
	for _, name := range slices.Sorted(slices.Values(names)) {
		if f.Members[name].Host.Keeper() {
			keepers = append(keepers, name)
		} else {
			others = append(others, name)
		}
	}
	return keepers, others
}

// Keepers are the hosts that answered and hold lock, roster and history.
func (f *Fleet) Keepers() []string {
	keepers, _ := f.Split(f.Names())
	return keepers
}
