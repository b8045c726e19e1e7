package routes

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Formats are the ways in which Render writes routes: the command ip of Linux,
// and the configurations of FRR, of Cisco's IOS and of Junos.
func Formats() []string { return []string{"ip", "frr", "cisco", "junos"} }

// Render writes routes as lines that a router takes, each under the name of the
// Node whose pods they lead to.
func Render(format string, list []Route, nodes []Node) (string, error) {
	line, ok := map[string]func(Route) []string{"ip": linux, "frr": frr, "cisco": cisco, "junos": junos}[format]
	if !ok {
		return "", fmt.Errorf("%q is no format of routes; the formats are %s", format, strings.Join(Formats(), ", "))
	}
	comment := map[string]string{"ip": "#", "junos": "#", "frr": "!", "cisco": "!"}[format]
	name := map[netip.Prefix]string{}
	for _, n := range nodes {
		name[n.Pods.Masked()] = n.Name
	}
	var text strings.Builder
	for _, r := range list {
		fmt.Fprintf(&text, "%s %s\n%s\n", comment, name[r.To], strings.Join(line(r), "\n"))
	}
	return text.String(), nil
}

func linux(r Route) []string {
	if len(r.Via) == 1 {
		return []string{fmt.Sprintf("ip route replace %s via %s", r.To, r.Via[0])}
	}
	text := fmt.Sprintf("ip route replace %s", r.To)
	for _, via := range r.Via {
		text += fmt.Sprintf(" nexthop via %s", via)
	}
	return []string{text}
}

func frr(r Route) []string {
	var lines []string
	for _, via := range r.Via {
		lines = append(lines, fmt.Sprintf("%s route %s %s", ipWord(r), r.To, via))
	}
	return lines
}

func cisco(r Route) []string {
	if r.To.Addr().Is6() {
		return frr(r)
	}
	var lines []string
	for _, via := range r.Via {
		lines = append(lines, fmt.Sprintf("ip route %s %s %s", r.To.Addr(), net.IP(net.CIDRMask(r.To.Bits(), 32)), via))
	}
	return lines
}

func ipWord(r Route) string {
	if r.To.Addr().Is6() {
		return "ipv6"
	}
	return "ip"
}

func junos(r Route) []string {
	where := "routing-options"
	if r.To.Addr().Is6() {
		where += " rib inet6.0"
	}
	var lines []string
	for _, via := range r.Via { // several add up
		lines = append(lines, fmt.Sprintf("set %s static route %s next-hop %s", where, r.To, via))
	}
	return lines
}
