package routes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Node is what routes need to know of one.
type Node struct {
	Name    string       `json:"name"`
	Address netip.Addr   `json:"address"`
	Pods    netip.Prefix `json:"pods"`
}

// Route leads to a range of pods.
type Route struct {
	To netip.Prefix `json:"to"`
	// Via are next hops, sorted; packets are spread over several.
	Via []netip.Addr `json:"via"`
}

// Wanted are the routes to the pods of Nodes, sorted, without those next hops
// of gateways that are dead. What cannot be routed, and why, is named.
func Wanted(c Config, nodes []Node, dead map[netip.Addr]bool) (list []Route, problems []string) {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	shared, problems := c.hops(nodes, dead)
	for _, n := range nodes {
		if n.Name == c.Self {
			continue
		}
		if why := c.refuse(n, list); why != "" {
			problems = append(problems, fmt.Sprintf("no route to the pods of %s: %s", n.Name, why))
			continue
		}
		via := shared
		if c.Via == ViaNodes {
			via = []netip.Addr{c.next(n.Address)}
		}
		if len(via) > 0 {
			list = slices.Insert(list, place(list, n.Pods.Addr()), Route{To: n.Pods.Masked(), Via: via})
		}
	}
	return list, problems
}

// hops are the next hops that all routes share. While no gateway lives, all of
// them stay: there is nothing better.
func (c Config) hops(nodes []Node, dead map[netip.Addr]bool) (via []netip.Addr, problems []string) {
	if address, err := netip.ParseAddr(c.Via); err == nil {
		return []netip.Addr{address}, nil
	}
	if c.Via != ViaGateways {
		return nil, nil
	}
	gateways := c.GatewaysOf(nodes)
	live := slices.DeleteFunc(slices.Clone(gateways), func(a netip.Addr) bool { return dead[a] })
	if len(gateways) == 0 {
		return nil, []string{"no route to pods: none of the gateways " + strings.Join(c.Gateways, ", ") + " is a Node"}
	}
	if len(live) == 0 {
		return gateways, []string{"no gateway answers; the routes stay as they are"}
	}
	return live, nil
}

// GatewaysOf are the addresses of the gateways that are Nodes, sorted.
func (c Config) GatewaysOf(nodes []Node) []netip.Addr {
	var list []netip.Addr
	for _, n := range nodes {
		if slices.Contains(c.Gateways, n.Name) && n.Address.IsValid() {
			list = append(list, n.Address)
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return slices.Compact(list)
}

// refuse says why a Node's word is not taken. A host says its address itself, and
// must not lead away packets that are not for its pods.
func (c Config) refuse(n Node, list []Route) string {
	switch {
	case !n.Pods.IsValid():
		return "its Node has no pod range"
	case n.Pods.Bits() < c.Pods.Bits() || !c.Pods.Contains(n.Pods.Addr()):
		return fmt.Sprintf("its range %s is not inside the cluster's %s", n.Pods, c.Pods)
	case !n.Address.IsValid() || n.Address.Is4() != c.Pods.Addr().Is4():
		return "its Node has no internal address of that family"
	case c.Pods.Contains(n.Address) || n.Address.IsLoopback() || n.Address.IsUnspecified() || n.Address.IsMulticast():
		return fmt.Sprintf("%s is no address of a host", n.Address)
	}
	at := place(list, n.Pods.Addr())
	for _, r := range list[max(at-1, 0):min(at+1, len(list))] { // those of the list do not overlap: only its neighbors can
		if r.To.Overlaps(n.Pods) {
			return fmt.Sprintf("its range %s overlaps %s of another Node", n.Pods, r.To)
		}
	}
	return ""
}

// place is where a range that begins at an address is among routes, or goes.
func place(list []Route, first netip.Addr) int {
	at, _ := slices.BinarySearchFunc(list, first, func(r Route, first netip.Addr) int { return r.To.Addr().Compare(first) })
	return at
}

// next is the way to a Node: the narrowest of the given networks, else itself.
func (c Config) next(node netip.Addr) netip.Addr {
	via, bits := node, -1
	for _, hop := range c.Hops {
		if hop.To.Contains(node) && hop.To.Bits() > bits {
			via, bits = hop.Via, hop.To.Bits()
		}
	}
	return via
}
