package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"provision/network/plan"
	"provision/provision/agent/api"
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
	lost := map[string][]podHost{} // by who cannot be reached
	for _, to := range hosts {
		for _, from := range hosts {
			if from.Name != to.Name && !routed(from.Health.Routes, to.pods) {
				lost[to.Name] = append(lost[to.Name], from)
			}
		}
	}
	missing := map[string][]string{} // by who has no route
	for _, to := range hosts {
		if n := len(lost[to.Name]); n > 1 && n == len(hosts)-1 {
			d.add(Finding{Level: Problem, Host: to.Name, What: "no-routes", strong: true, order: hostOrder,
				Summary: fmt.Sprintf("no other host has a route to its pods (%s)", to.pods),
				Cause:   "its Node was made anew, and its network's service does not know", First: "systemctl restart " + to.router})
			continue
		}
		for _, from := range lost[to.Name] {
			missing[from.Name] = append(missing[from.Name], fmt.Sprintf("%s (%s)", to.Name, to.pods))
		}
	}
	for _, from := range hosts {
		if to := missing[from.Name]; len(to) > 0 {
			d.add(Finding{Level: Problem, Host: from.Name, What: "no-routes", strong: true, order: hostOrder,
				Summary: "has no route to the pods of " + few(to),
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
		router, ok := plan.Router(want.Component)
		if ok && router == want.Unit {
			return router, slices.ContainsFunc(h.Health.Units, func(u api.Unit) bool {
				return u.Name == router && u.Active == "active" && h.Health.Clock.Sub(u.Since) > routeTime
			})
		}
	}
	return "", false
}

// routed reports whether there is a route to exactly this range.
func routed(routes []api.Route, pods netip.Prefix) bool {
	return slices.ContainsFunc(routes, func(r api.Route) bool {
		return r.Bits == pods.Bits() && r.First.Compare(pods.Addr()) <= 0 && pods.Addr().Compare(r.Last) <= 0
	})
}

// few names some of many.
func few(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d others", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
