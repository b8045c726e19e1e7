package plan

import (
	"provision/provision/facts"
	"provision/provision/resource"
)

// removals plans what the ledger holds and nobody wants any more. It happens
// last on its host, in the reverse order of its making; but an input of a unit
// that stays goes before that unit's restart.
func (b *builder) removals() {
	for _, host := range b.hostNames() {
		var before []resource.Address
		if len(b.in.Hosts[host].Result.Removed) == 0 {
			continue
		}
		for _, a := range b.order {
			if a.Host == host {
				before = append(before, a)
			}
		}
		for _, gone := range b.in.Hosts[host].Result.Removed {
			a, err := ledgerAddress(host, gone)
			if err != nil {
				b.in.Warnings = append(b.in.Warnings, err.Error())
				continue
			}
			s := Step{Address: a, Action: Remove, Component: gone.Component, Irreversible: gone.Irreversible,
				Requires: before, Changes: []resource.Change{{Field: "wanted", Old: "yes", New: "no longer in the inventory"}}}
			if b.restartAfter(a) {
				s.Requires = nil
			} else {
				before = []resource.Address{a}
			}
			b.put(s)
		}
	}
}

// restartAfter lets the units that read a removed input wait for its removal,
// and reports whether there are any.
func (b *builder) restartAfter(gone resource.Address) bool {
	found := false
	for _, unit := range b.early[gone] {
		// A unit that goes, too, goes first: it must be stopped and disabled
		// while its file is there.
		if s := b.steps[unit]; s != nil && s.Action != Remove {
			s.Requires = append(s.Requires, gone)
			found = true
		}
	}
	return found
}

func ledgerAddress(host string, gone facts.Resource) (resource.Address, error) {
	return resource.ParseAddress(host + "/" + gone.ID)
}
