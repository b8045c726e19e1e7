package component

import (
	"net/netip"

	"provision/provision/facts"
)

// OnLink reports whether a host reaches an address without a router: it is in the
// network of one of its links, or none of them is known.
func OnLink(known facts.Host, address netip.Addr) bool {
	links := 0
	for _, a := range known.Addresses {
		network, err := netip.ParsePrefix(a.CIDR)
		if err != nil || network.Addr().IsLoopback() {
			continue
		}
		if links++; network.Contains(address) {
			return true
		}
	}
	return links == 0
}
