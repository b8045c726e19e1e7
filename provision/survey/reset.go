package survey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/fleet"
	"provision/provision/plan"
)

// ErrNothingToReset: nothing of provision's is left on any of the hosts.
var ErrNothingToReset = errors.New("nothing of provision is left there")

// Reset undoes on hosts of the inventory all that provision did there: they leave
// the cluster for now. Nothing else is done.
type Reset struct {
	Converge
	Hosts []string
}

// Scope implements Task.
func (r *Reset) Scope() Scope {
	if len(r.Hosts) == 0 {
		return Scope{} // see ResetAlone
	}
	return Scope{Narrow: true, Leaving: r.Hosts, Resets: r.Hosts}
}

// Check implements Task: the hosts were named one by one.
func (r *Reset) Check(_ context.Context, o *Surveyor) error {
	bad := map[string]error{}
	for name := range o.Fleet.Resetting {
		if err := o.Fleet.Absent[name].Why; err != nil {
			bad[name] = err
		}
	}
	switch {
	case len(bad) > 0:
		return fmt.Errorf("cannot reset, nothing was changed:\n%w", fleet.InOrder(bad))
	case len(r.leaving(o)) == 0:
		return ErrNothingToReset
	}
	return nil
}

// leaving are those that have not left yet.
func (r *Reset) leaving(o *Surveyor) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(o.Fleet.Resetting)), func(name string) bool { _, leaves := o.Fleet.Leaving[name]; return !leaves })
}

// Limit implements Task.
func (r *Reset) Limit(o *Surveyor, _ *Survey, in *plan.Input) (only []string) {
	in.Warnings = append(in.Warnings, o.Destroyed(slices.Sorted(maps.Keys(o.Fleet.Resetting)))...)
	for _, name := range r.leaving(o) {
		only = append(only, plan.ForgetAddress(name).String())
	}
	return only
}

// Destroyed says what a reset takes away for good, host by host.
func (sv *Surveyor) Destroyed(names []string) []string {
	var list []string
	for _, name := range names {
		m := sv.Fleet.Members[name]
		if m == nil {
			continue
		}
		count := map[string]int{}
		for _, r := range m.Facts.Owned.Resources {
			kind, _, _ := strings.Cut(r.ID, "[")
			count[kind]++
		}
		var parts []string
		if sv.Fleet.HasData(name) {
			parts = append(parts, "its copy of etcd's data")
		}
		if id := m.Facts.Owned.Identity; id != nil && len(id.Holds) > 0 {
			parts = append(parts, "its copies of the cluster's keys ("+strings.Join(id.Holds, ", ")+")")
		}
		if count["unit"] > 0 {
			parts = append(parts, fmt.Sprintf("%d services with all containers, images and pod data", count["unit"]))
		}
		if n := count["file"] + count["binary"] + count["cert"] + count["directory"] + count["archive"]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d files", n))
		}
		if count["package"] > 0 {
			parts = append(parts, fmt.Sprintf("%d packages that were not there before", count["package"]))
		}
		if len(parts) > 0 {
			list = append(list, fmt.Sprintf("host %s (%s) loses %s", name, m.Host.Address, strings.Join(parts, ", ")))
		}
	}
	return list
}
