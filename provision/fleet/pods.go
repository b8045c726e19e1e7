package fleet

import (
	"net/netip"

	netplan "provision/network/plan"
)

// PodRanges gives every Node its pod range; what the roster knows never moves.
func (f *Fleet) PodRanges() (map[string]netip.Prefix, error) {
	network := f.Inventory.Network
	taken := map[string]netip.Prefix{}
	for _, m := range f.Members {
		roster := m.Facts.Owned.Roster
		if roster == nil {
			continue
		}
		for _, h := range roster.Hosts {
			if prefix, err := netip.ParsePrefix(h.PodCIDR); err == nil {
				taken[h.Name] = prefix
			}
		}
	}
	var names []string
	for _, h := range f.Inventory.Hosts {
		if h.Joins() {
			names = append(names, h.Name)
		}
	}
	return netplan.Assign(network.Pods, network.NodePrefix, names, taken)
}
