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
	in := safety.Input{Inventory: o.fleet.Inventory, Facts: o.fleet.Facts(), Known: o.fleet.Known(), Founded: o.fleet.Decision.Identity != nil}
	if newest := o.fleet.Roster(); newest != nil {
		in.Services = newest.Services
	}
	for _, name := range slices.Sorted(maps.Keys(o.fleet.Leaving)) {
		if !o.goes(name) {
			continue
		}
		if o.fleet.Leaving[name].Member {
			in.Members = append(in.Members, name)
		}
		if o.fleet.Leaving[name].Master {
			in.Masters = append(in.Masters, name)
		}
	}
	bad := safety.Check(in)
	if err := o.keys.Ended(""); err != nil && o.fleet.Resetting == nil {
		bad = append(bad, err)
	}
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("cannot go on, nothing was changed:\n%w", errors.Join(bad...))
}
