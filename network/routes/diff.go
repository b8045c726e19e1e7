package routes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Entry is a route of the kernel's main table.
type Entry struct {
	Route
	Protocol, Metric int
	Link             string // interface, where there is one
	// Odd says that it is of another kind than ours ever are: a blackhole, say.
	Odd bool
}

// Ours reports whether the route has our mark.
func (e Entry) Ours() bool { return e.Protocol == Protocol }

// String is the route as the command ip shows it.
func (e Entry) String() string {
	text := e.To.String()
	for _, via := range e.Via {
		text += " via " + via.String()
	}
	if e.Link != "" {
		text += " dev " + e.Link
	}
	return fmt.Sprintf("%s proto %s metric %d", text, protocolName(e.Protocol), e.Metric)
}

// protocolName is the name that /etc/iproute2/rt_protos gives.
func protocolName(number int) string {
	names := map[int]string{2: "kernel", 3: "boot", 4: "static", 11: "zebra", 12: "bird", 16: "dhcp", 186: "bgp", 188: "ospf"}
	if name := names[number]; name != "" {
		return name
	}
	return fmt.Sprint(number)
}

// Change is what makes a table right. Only routes of ours are in it.
type Change struct {
	Add, Replace []Route
	Remove       []Entry
	// Conflicts are routes of others that take packets for pods. They stay.
	Conflicts []string
}

// Empty reports whether there is nothing to do.
func (c Change) Empty() bool { return len(c.Add)+len(c.Replace)+len(c.Remove) == 0 }

// Diff compares the wanted routes, sorted, with the table.
func Diff(wanted []Route, table []Entry) Change {
	var c Change
	want := map[netip.Prefix]Route{}
	for _, r := range wanted {
		want[r.To] = r
	}
	have := map[netip.Prefix]bool{}
	for _, e := range table {
		if !e.Ours() {
			c.conflict(wanted, e)
			continue
		}
		r, ok := want[e.To]
		switch {
		case !ok || e.Metric != Metric || e.Odd || have[e.To]:
			c.Remove = append(c.Remove, e)
			continue
		case !slices.Equal(e.Via, r.Via):
			c.Replace = append(c.Replace, r)
		}
		have[e.To] = true
	}
	for _, r := range wanted {
		if !have[r.To] {
			c.Add = append(c.Add, r)
		}
	}
	slices.Sort(c.Conflicts)
	return c
}

// conflict names a route of somebody else that the kernel prefers to ours: to the
// same range, or to a part of it.
func (c *Change) conflict(wanted []Route, e Entry) {
	at := place(wanted, e.To.Addr())
	for _, i := range []int{at, at - 1} { // ranges do not overlap: it begins in one of two
		if i < 0 || i >= len(wanted) || !wanted[i].To.Contains(e.To.Addr()) || e.To.Bits() < wanted[i].To.Bits() {
			continue
		}
		if e.To == wanted[i].To && e.Metric > Metric {
			continue
		}
		c.Conflicts = append(c.Conflicts, fmt.Sprintf("the route %s is not ours and takes packets for pods of %s; remove it where it is set, or leave that range out", e, wanted[i].To))
		return
	}
}

// Summary is one line for people.
func (c Change) Summary() string {
	var parts []string
	for _, p := range []struct {
		what string
		n    int
	}{{"added", len(c.Add)}, {"replaced", len(c.Replace)}, {"removed", len(c.Remove)}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}
