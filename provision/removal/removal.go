package removal

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"provision/provision/facts"
	"provision/provision/inventory"
)

// Set is what an inventory takes away from a cluster.
type Set struct {
	// Hosts leave the cluster, or lose roles in it; sorted by name.
	Hosts []Host `json:"hosts"`
	// Lost are the roles of which no host is left that had them.
	Lost []string `json:"lost_roles,omitempty"`
}

// Host is one of them.
type Host struct {
	Name string `json:"name"`
	// Roles are those that it loses.
	Roles []string `json:"roles,omitempty"`
	// Leaves: it is not in the inventory any more.
	Leaves bool `json:"leaves,omitempty"`
	// Successor is a host of the inventory that is new and has its address: it may
	// be the same machine under another name.
	Successor string `json:"successor,omitempty"`
	// Entry is how the roster says that it is reached.
	Entry facts.RosterHost `json:"-"`
}

// Free is how many hosts one run may take away without being told so.
const Free = 1

// Of compares the roster with the inventory.
func Of(roster []facts.RosterHost, inv *inventory.Inventory) Set {
	var s Set
	had, kept := map[string]bool{}, map[string]bool{}
	for _, entry := range roster {
		now, listed := inv.Host(entry.Name)
		h := Host{Name: entry.Name, Leaves: !listed, Entry: entry}
		for _, role := range entry.Roles {
			had[role] = true
			if listed && now.Has(inventory.Role(role)) {
				kept[role] = true
			} else {
				h.Roles = append(h.Roles, role)
			}
		}
		if h.Leaves {
			h.Successor = successor(entry, roster, inv)
		}
		if h.Leaves || len(h.Roles) > 0 {
			s.Hosts = append(s.Hosts, h)
		}
	}
	for role := range had {
		if !kept[role] {
			s.Lost = append(s.Lost, role)
		}
	}
	slices.Sort(s.Lost)
	slices.SortFunc(s.Hosts, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// successor is the host that has the address of one that leaves, and is not on
// the roster.
func successor(gone facts.RosterHost, roster []facts.RosterHost, inv *inventory.Inventory) string {
	address, err := netip.ParseAddr(gone.Address)
	if err != nil {
		return ""
	}
	for _, h := range inv.Hosts {
		known := slices.ContainsFunc(roster, func(r facts.RosterHost) bool { return r.Name == h.Name })
		if h.Address == address && !known {
			return h.Name
		}
	}
	return ""
}

// Count is the number of hosts that lose something.
func (s Set) Count() int { return len(s.Hosts) }

// Leavers are the names of the hosts that leave the cluster.
func (s Set) Leavers() []string {
	var names []string
	for _, h := range s.Hosts {
		if h.Leaves {
			names = append(names, h.Name)
		}
	}
	return names
}

// NeedsLeave reports whether a run must be told to take this much away: more
// than one host, or the last of a role.
func (s Set) NeedsLeave() bool { return s.Count() > Free || len(s.Lost) > 0 }

// Flag is what gives a run leave.
func (s Set) Flag() string { return fmt.Sprintf("--allow-removals %d", s.Count()) }

// Allowed refuses unless allowed, the number of hosts that the operator
// agreed to lose, covers the set. A number too high is fine: what it bounds is
// the damage of a mistake.
func (s Set) Allowed(allowed int) error {
	if !s.NeedsLeave() || allowed >= s.Count() {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cannot continue: the inventory takes %s away from the cluster", hosts(s.Count()))
	if len(s.Lost) > 0 {
		fmt.Fprintf(&b, ", and with them every host with the role %s", strings.Join(s.Lost, ", "))
	}
	fmt.Fprintf(&b, ":\n%s\nNothing was changed. Check the inventory file, its variables and ranges. If you mean it, add %s",
		s.List("  "), s.Flag())
	return fmt.Errorf("%s", b.String())
}

func hosts(n int) string {
	if n == 1 {
		return "1 host"
	}
	return fmt.Sprintf("%d hosts", n)
}

// listed is how many hosts are told one by one.
const listed = 20

// List says per line what which host loses.
func (s Set) List(indent string) string {
	var lines []string
	for i, h := range s.Hosts {
		if i == listed && len(s.Hosts) > listed+1 {
			var names []string
			for _, more := range s.Hosts[i:] {
				names = append(names, more.Name)
			}
			lines = append(lines, fmt.Sprintf("%s%d more: %s", indent, len(names), strings.Join(names, ", ")))
			break
		}
		lines = append(lines, indent+h.String())
	}
	return strings.Join(lines, "\n")
}

// String says what the host loses.
func (h Host) String() string {
	roles := strings.Join(h.Roles, ", ")
	if h.Successor != "" {
		hint := fmt.Sprintf("; the new host %s has its address. If it is the same machine, it is drained, undone and set up again; to avoid that, keep the name %s in the inventory",
			h.Successor, h.Name)
		h.Successor = ""
		return h.String() + hint
	}
	switch {
	case h.Leaves && roles == "":
		return h.Name + " leaves"
	case h.Leaves:
		return fmt.Sprintf("%s (%s) leaves", h.Name, roles)
	}
	return fmt.Sprintf("%s loses the role %s", h.Name, roles)
}
