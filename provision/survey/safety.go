package survey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"provision/provision/component/controlplane"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/safety"
)

// safe refuses inventories that would break a running cluster in a way that no
// later apply fixes. Everything is reported at once.
func (sv *Surveyor) safe(context.Context, *Survey) error {
	in := safety.Input{Inventory: sv.Fleet.Inventory, Facts: sv.Fleet.Facts(), Known: sv.Fleet.Known(), Founded: sv.Fleet.Decision.Identity != nil}
	if newest := sv.Fleet.Roster(); newest != nil {
		in.Services = newest.Services
	}
	for _, name := range slices.Sorted(maps.Keys(sv.Fleet.Leaving)) {
		if !sv.goes(name) {
			continue
		}
		if slices.Contains(sv.Fleet.Leaving[name].Loses, etcdcomponent.Name) {
			in.Members = append(in.Members, name)
		}
		if slices.Contains(sv.Fleet.Leaving[name].Loses, controlplane.Name) {
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
	return fmt.Errorf("cannot continue, nothing was changed:\n%w", errors.Join(bad...))
}
