package fleet

import (
	"context"
	"errors"
	"net/netip"

	netplan "provision/network/plan"
	"provision/network/routes"
	"provision/provision/facts"
)

// PodNodes asks masters and etcd hosts, and no others. It returns the Nodes that
// the newest roster knows, with their pod ranges.
func (f *Fleet) PodNodes(ctx context.Context) ([]routes.Node, error) {
	if err := f.IdentifyKeepers(ctx); err != nil {
		return nil, err
	}
	var newest *facts.Roster
	for _, m := range f.Members {
		if roster := m.Facts.Owned.Roster; roster != nil && (newest == nil || roster.Written.After(newest.Written)) {
			newest = roster
		}
	}
	if newest == nil {
		return nil, errors.New("no host that answers belongs to a cluster, so no Node has a pod range; run provision apply first")
	}
	var list []routes.Node
	for _, h := range newest.Hosts {
		pods, err1 := netip.ParsePrefix(h.PodCIDR)
		address, err2 := netip.ParseAddr(h.Address)
		if err1 == nil && err2 == nil { // others are no Nodes
			list = append(list, routes.Node{Name: h.Name, Address: address, Pods: pods})
		}
	}
	return list, nil
}

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
