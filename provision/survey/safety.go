package survey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"provision/provision/safety"
)

// safe refuses inventories that would break a running cluster in a way that no
// later apply mends. Everything is reported at once.
func (sv *Surveyor) safe(context.Context, *Survey) error {
	in := safety.Input{Inventory: sv.Fleet.Inventory, Facts: sv.Fleet.Facts(), Known: sv.Fleet.Known(), Founded: sv.Fleet.Decision.Identity != nil}
	if newest := sv.Fleet.Roster(); newest != nil {
		in.Services = newest.Services
	}
	for _, name := range slices.Sorted(maps.Keys(sv.Fleet.Leaving)) {
		if !sv.goes(name) {
			continue
		}
		if sv.Fleet.Leaving[name].Member {
			in.Members = append(in.Members, name)
		}
		if sv.Fleet.Leaving[name].Master {
			in.Masters = append(in.Masters, name)
		}
	}
	bad := safety.Check(in)
	if err := sv.Keys.Ended(""); err != nil && sv.Fleet.Resetting == nil {
		bad = append(bad, err)
	}
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("cannot go on, nothing was changed:\n%w", errors.Join(bad...))
}
