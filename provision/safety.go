package provision

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"provision/provision/safety"
)

// safe refuses inventories that would break a running cluster in a way that no
// later apply mends. Everything is reported at once.
func (o *Operator) safe() error {
	in := safety.Input{Inventory: o.Inventory, Facts: o.fleet.Facts(), Known: o.fleet.Known(), Founded: o.decision.Identity != nil}
	if newest := o.fleet.Roster(); newest != nil {
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
