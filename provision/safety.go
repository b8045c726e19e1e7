package provision

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"provision/provision/facts"
	"provision/provision/safety"
)

// safe refuses inventories that would break a running cluster in a way that no
// later apply mends. Everything is reported at once.
func (o *Operator) safe() error {
	in := safety.Input{Inventory: o.Inventory, Facts: o.facts(), Known: o.lastRoster(), Founded: o.decision.Identity != nil}
	if newest := o.newestRoster(); newest != nil {
		in.Services = newest.Services
	}
	for _, name := range slices.Sorted(maps.Keys(o.leaving)) {
		if !o.goes(name) {
			continue
		}
		if o.leaving[name].member {
			in.Members = append(in.Members, name)
		}
		if o.leaving[name].master {
			in.Masters = append(in.Masters, name)
		}
	}
	bad := safety.Check(in)
	if err := o.ended(""); err != nil && o.resetting == nil {
		bad = append(bad, err)
	}
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("cannot go on, nothing was changed:\n%w", errors.Join(bad...))
}

// facts are those of the hosts that answered.
func (o *Operator) facts() map[string]facts.Host {
	all := map[string]facts.Host{}
	for name, m := range o.fleet.members {
		all[name] = m.facts
	}
	return all
}

// newestRoster is that of the hosts that wrote it last; nil when nobody has one.
func (o *Operator) newestRoster() *facts.Roster {
	var newest *facts.Roster
	for _, name := range o.fleet.names() {
		m := o.fleet.members[name]
		if roster := m.facts.Owned.Roster; roster != nil && m.host.Keeper() && (newest == nil || roster.Written.After(newest.Written)) {
			newest = roster
		}
	}
	return newest
}

// lastRoster is the newest roster by host.
func (o *Operator) lastRoster() map[string]facts.RosterHost {
	hosts := map[string]facts.RosterHost{}
	if newest := o.newestRoster(); newest != nil {
		for _, h := range newest.Hosts {
			hosts[h.Name] = h
		}
	}
	return hosts
}
