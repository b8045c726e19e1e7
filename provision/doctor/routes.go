package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"provision/provision/agent/api"
	"provision/provision/event"
)

// podHost is a host whose network's service runs, and its range of pods.
type podHost struct {
	Host
	router string
	pods   netip.Prefix
}

// routeTime is how long a network's service may take until its routes are there,
// here and on the other hosts.
const routeTime = 30 * time.Second

// routes are hosts without a route to the pods of others: the network's service
// makes them when a host joins, and does not look at them again.
func (d *diagnosis) routes() {
	hosts := d.podHosts()
	ranges := byWidth(hosts)
	lost := map[string][]podHost{} // by who cannot be reached
	for _, from := range hosts {
		for bits, all := range ranges {
			for _, to := range unrouted(from.Health.Routes, bits, all) {
				if from.Name != to.Name {
					lost[to.Name] = append(lost[to.Name], from)
				}
			}
		}
	}
	missing := map[string][]string{} // by who has no route
	for _, to := range hosts {
		if n := len(lost[to.Name]); n > 1 && n == len(hosts)-1 {
			d.add(Finding{Level: Problem, Host: to.Name, What: "no-routes", strong: true, order: hostOrder,
				Summary: fmt.Sprintf("no other host has a route to its pods (%s)", to.pods),
				Cause:   "its Node was recreated, and its network's service does not know", First: "systemctl restart " + to.router})
			continue
		}
		for _, from := range lost[to.Name] {
			missing[from.Name] = append(missing[from.Name], fmt.Sprintf("%s (%s)", to.Name, to.pods))
		}
	}
	for _, from := range hosts {
		if to := missing[from.Name]; len(to) > 0 {
			d.add(Finding{Level: Problem, Host: from.Name, What: "no-routes", strong: true, order: hostOrder,
				Summary: "has no route to the pods of " + event.Few(to),
				Cause:   "somebody removed the routes or the network's interface (ip route)", First: "systemctl restart " + from.router})
		}
	}
}

// podHosts are the hosts between which pods must reach each other by now.
func (d *diagnosis) podHosts() []podHost {
	var out []podHost
	for _, n := range d.in.Nodes {
		h, known := d.hosts[n.Name]
		if !known || h.Error != "" || h.New || len(h.Health.Routes) == 0 || d.in.APIError != "" {
			continue
		}
		router, ok := routerOf(h)
		for _, text := range n.PodCIDRs {
			if pods, err := netip.ParsePrefix(text); ok && err == nil && pods.Addr().Is4() { // the kernel's list has no others
				out = append(out, podHost{Host: h, router: router, pods: pods.Masked()})
				break
			}
		}
	}
	return out
}

// routerOf is the service that makes a host's routes to pods, if it has run long
// enough.
func routerOf(h Host) (string, bool) {
	for _, want := range h.Wants {
		if want.Routes {
			return want.Unit, slices.ContainsFunc(h.Health.Units, func(u api.Unit) bool {
				return u.Name == want.Unit && u.Active == "active" && h.Health.Clock.Sub(u.Since) > routeTime
			})
		}
	}
	return "", false
}

// byWidth are hosts by the width of their ranges, in the order of these.
func byWidth(hosts []podHost) map[int][]podHost {
	ranges := map[int][]podHost{}
	for _, h := range hosts {
		ranges[h.pods.Bits()] = append(ranges[h.pods.Bits()], h)
	}
	for _, all := range ranges {
		slices.SortFunc(all, func(a, b podHost) int { return a.pods.Addr().Compare(b.pods.Addr()) })
	}
	return ranges
}

// unrouted are those of sorted, whose ranges are all of one width, to which there
// is no route of just that width. Its time grows with the routes, which are
// joined, and with what is missing: it is asked for each host about all others.
func unrouted(routes []api.Route, bits int, sorted []podHost) []podHost {
	routes = slices.DeleteFunc(slices.Clone(routes), func(r api.Route) bool { return r.Bits != bits })
	slices.SortFunc(routes, func(a, b api.Route) int { return a.First.Compare(b.First) })
	var missing []podHost
	next := 0
	for _, r := range routes {
		first := startOf(sorted, r.First)
		if first > next {
			missing = append(missing, sorted[next:first]...)
		}
		next = max(next, startOf(sorted, r.Last.Next()))
	}
	return append(missing, sorted[next:]...)
}

// startOf is the index of the first host whose range does not begin before an address.
func startOf(sorted []podHost, address netip.Addr) int {
	if !address.IsValid() { // there is none after 255.255.255.255
		return len(sorted)
	}
	at, _ := slices.BinarySearchFunc(sorted, address, func(h podHost, a netip.Addr) int { return h.pods.Addr().Compare(a) })
	return at
}
