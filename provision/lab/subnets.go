package lab

import (
	"fmt"
	"net/netip"
	"sort"
)

// subnet is a network of the lab with the bridge's address in it, which is
// the default gateway of its hosts and leads to the other subnets only.
type subnet struct {
	Prefix  netip.Prefix `json:"prefix"`
	Gateway netip.Addr   `json:"gateway"`
}

// subnetBits is the size of a lab's subnets: the inventory does not say how
// the real ones are cut, and hosts reach each other through the bridge anyway.
func subnetBits(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 64
}

// planSubnets groups the addresses into subnets and gives each a gateway that
// is none of the addresses taken.
func planSubnets(hosts, taken []netip.Addr) ([]subnet, error) {
	used := map[netip.Addr]bool{}
	for _, a := range append(append([]netip.Addr{}, hosts...), taken...) {
		used[a] = true
	}
	seen := map[netip.Prefix]bool{}
	var subnets []subnet
	for _, a := range hosts {
		p, err := a.Prefix(subnetBits(a))
		if err != nil {
			return nil, fmt.Errorf("finding the subnet of %s: %w", a, err)
		}
		if seen[p] {
			continue
		}
		seen[p] = true
		gw, err := freeAddress(p, used)
		if err != nil {
			return nil, err
		}
		used[gw] = true
		subnets = append(subnets, subnet{Prefix: p, Gateway: gw})
	}
	sort.Slice(subnets, func(i, j int) bool { return subnets[i].Prefix.Addr().Less(subnets[j].Prefix.Addr()) })
	return subnets, nil
}

// freeAddress returns the first address of p that nobody uses, leaving out
// the network's own and, in IPv4, the broadcast address.
func freeAddress(p netip.Prefix, used map[netip.Addr]bool) (netip.Addr, error) {
	a := p.Addr()
	for range 254 {
		a = a.Next()
		if !p.Contains(a) {
			break
		}
		if !used[a] {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("cannot find a gateway address in %s: all are taken by hosts; leave one free", p)
}

// subnetOf returns the subnet that holds a.
func subnetOf(subnets []subnet, a netip.Addr) (subnet, bool) {
	for _, s := range subnets {
		if s.Prefix.Contains(a) {
			return s, true
		}
	}
	return subnet{}, false
}
