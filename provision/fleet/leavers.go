package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"provision/provision/component"
	"provision/provision/facts"
	"provision/provision/inventory"
)

// Departure is a host that leaves the cluster, or loses roles in it.
type Departure struct {
	Host  inventory.Host // with the roles that it had
	Whole bool           // it left the inventory
	Gone  bool           // it does not answer, and the operator said to forget it
	// Loses are the components that it ceases to run.
	Loses []string
}

// DialLeavers reaches the hosts that the roster knows and the inventory does
// not, by what the roster says. They take part with no roles. One that does not
// answer is left as it is, unless the operator said to forget it.
func (f *Fleet) DialLeavers(ctx context.Context) {
	known := f.Known()
	var list []inventory.Host
	for _, entry := range known {
		if _, listed := f.Inventory.Host(entry.Name); listed {
			continue
		}
		if h, err := rosterMember(entry); err == nil {
			list = append(list, f.asListed(h))
		}
	}
	list = append(list, f.unlisted(known)...)
	f.Leaving = map[string]Departure{}
	maps.DeleteFunc(f.Absent, func(_ string, a Absent) bool { return a.Left })
	Spread(list, func(h inventory.Host) {
		d := Departure{Host: h, Whole: true, Gone: slices.Contains(f.Forgotten, h.Name)}
		m, err := f.DialOne(ctx, h)
		if err != nil && h.Jump != "" && h.Jump != f.Inventory.SSH.Jump() {
			// Its bastion may be gone, and the way be that of all others by now.
			h.Jump = ""
			if other, failed := f.DialOne(ctx, h); failed == nil {
				m, err = other, nil
			}
		}
		switch {
		case err == nil:
			m.Host.Roles = nil
		case !d.Gone:
			f.leave(h.Name, Departure{Host: h, Whole: true}, nil, err)
			return
		}
		f.leave(h.Name, d, m, nil)
	})
}

// leave notes what became of a host that left the inventory.
func (f *Fleet) leave(name string, d Departure, m *Member, err error) {
	f.leavers.Lock()
	defer f.leavers.Unlock()
	if reset, err := f.unfitForReset(name, m, err); reset {
		f.Absent[name] = Absent{Host: d.Host, Why: err, Left: true}
		return
	}
	if err != nil {
		err = fmt.Errorf("it left the inventory and does not answer, so it is not removed: %w; if it is dead for good: provision node remove --force %s", err, name)
		f.Absent[name] = Absent{Host: d.Host, Why: err, Left: true}
		return
	}
	if m != nil {
		switch id := m.Facts.Owned.Identity; {
		case id == nil || f.Decision.Identity == nil || id.UUID != f.Decision.Identity.UUID:
			_ = m.Agent.Close() // another machine by now, or another cluster's: nothing there is ours
		case d.Gone:
			_ = m.Agent.Close()
			f.Absent[name] = Absent{Host: d.Host, Left: true, Why: errors.New("it answers, so it is not forgotten: its pods would not be drained, and its kubelet would keep the cluster's certificates. Remove it without --force; if that fails, power it off first")}
			return
		default:
			f.Members[name] = m
		}
	}
	c := &component.Cluster{Inventory: f.Inventory, Components: f.Components}
	has := map[string]bool{} // what its roles do not tell, its ledger does
	if m != nil {
		has = ownedParts(m)
	}
	for _, part := range f.Components {
		if has[part.Name()] || part.Runs(c, d.Host) {
			d.Loses = append(d.Loses, part.Name())
		}
	}
	f.Leaving[name] = d
}

// rosterMember is a host as the roster tells it. Hosts write rosters, so its
// address is checked.
func rosterMember(entry facts.RosterHost) (inventory.Host, error) {
	address, err := netip.ParseAddr(entry.Address)
	if err != nil {
		return inventory.Host{}, fmt.Errorf("reading the roster: host %s: %w", entry.Name, err)
	}
	h := inventory.Host{Name: entry.Name, Address: address, User: entry.User, Port: entry.Port, HostKey: entry.HostKey, Jump: entry.Jump}
	for _, role := range entry.Roles {
		h.Roles = append(h.Roles, inventory.Role(role))
	}
	return h, nil
}

// LoseRoles finds hosts of the inventory that have what their roles no longer
// ask for.
func (f *Fleet) LoseRoles() {
	c := &component.Cluster{Inventory: f.Inventory, Components: f.Components}
	for _, h := range f.Answered(f.Inventory) {
		has := ownedParts(f.Members[h.Name])
		var loses []string
		for _, part := range f.Components {
			_, wide := part.(component.Clusterwide)
			if has[part.Name()] && !part.Runs(c, h) && (wide || part.Runs(c, withRoles(h))) {
				loses = append(loses, part.Name())
			}
		}
		if len(loses) > 0 {
			f.Leaving[h.Name] = Departure{Host: h, Loses: loses}
		}
	}
}

// ownedParts are the components that have something on a host.
func ownedParts(m *Member) map[string]bool {
	has := map[string]bool{}
	for _, r := range m.Facts.Owned.Resources {
		has[r.Component] = true
	}
	return has
}

// withRoles is a host with all the roles that a component may run for: what does
// not run even then was switched off everywhere, and nobody loses it by itself.
func withRoles(h inventory.Host) inventory.Host {
	h.Roles = []inventory.Role{inventory.RoleEtcd, inventory.RoleMaster, inventory.RoleNode}
	return h
}

// Departures are the hosts that leave, for components.
func (f *Fleet) Departures() []component.Leaving {
	var list []component.Leaving
	for _, name := range slices.Sorted(maps.Keys(f.Leaving)) {
		d := f.Leaving[name]
		list = append(list, component.Leaving{Host: d.Host, Parts: d.Loses, Whole: d.Whole, Gone: d.Gone})
	}
	return list
}

// TakeOut has a run see the inventory without the hosts that are to be reset:
// they leave the cluster as hosts do that are taken out of the inventory.
func (f *Fleet) TakeOut(names []string) {
	if len(names) == 0 {
		return
	}
	f.Resetting = map[string]inventory.Host{}
	rest := *f.Inventory
	rest.Hosts = slices.DeleteFunc(slices.Clone(rest.Hosts), func(h inventory.Host) bool {
		if slices.Contains(names, h.Name) {
			f.Resetting[h.Name] = h
			return true
		}
		return false
	})
	f.Inventory = &rest
}

// asListed is a host of the roster, reached as the inventory says if it is only
// reset.
func (f *Fleet) asListed(h inventory.Host) inventory.Host {
	listed, ok := f.Resetting[h.Name]
	if !ok {
		return h
	}
	listed.Roles = h.Roles
	return listed
}

// unlisted are hosts to be reset that the roster does not know: forgotten, or
// never part of the cluster.
func (f *Fleet) unlisted(known map[string]facts.RosterHost) []inventory.Host {
	var list []inventory.Host
	for _, name := range slices.Sorted(maps.Keys(f.Resetting)) {
		if _, ok := known[name]; !ok {
			list = append(list, f.Resetting[name])
		}
	}
	return list
}

// unfitForReset reports whether a host that is to be reset is left as it is: an
// error says why, none that nothing is left to do there.
func (f *Fleet) unfitForReset(name string, m *Member, err error) (bool, error) {
	if _, ok := f.Resetting[name]; !ok {
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("host %s does not answer: %w", name, err)
	}
	known := f.Known()
	_, listed := known[name]
	owned := m.Facts.Owned
	switch id := owned.Identity; {
	case id != nil && (f.Decision.Identity == nil || id.UUID != f.Decision.Identity.UUID):
		err = foreignHost(name, id)
	case id == nil && listed || id != nil:
		return false, nil
	case owned.Epoch == 0:
		err = StrangeHost(name)
	}
	_ = m.Agent.Close() // nothing is done on it
	return true, err
}

func foreignHost(name string, id *facts.Identity) error {
	return fmt.Errorf("refusing host %s: it belongs to cluster %q (%s); use that cluster's inventory", name, id.Cluster, id.UUID)
}

func StrangeHost(name string) error {
	return fmt.Errorf("refusing host %s: it has no ledger, so nothing there is provision's", name)
}
