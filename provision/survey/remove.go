package survey

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"provision/provision/fleet"
	"provision/provision/plan"
)

// Removal takes hosts that left the inventory out of the cluster, and does nothing
// else.
type Removal struct {
	Converge
	Hosts []string
	// Forget are hosts that do not answer and never will: the cluster forgets
	// them. Alone, all else is as in an apply.
	Forget []string
}

// Scope implements Task.
func (r *Removal) Scope() Scope {
	return Scope{Narrow: len(r.Hosts) > 0, Leaving: r.Hosts, Forgotten: r.Forget}
}

// goes reports whether a host that leaves is taken out by this run.
func (sv *Surveyor) goes(name string) bool {
	scope := sv.Task.Scope()
	return !scope.Narrow || slices.Contains(scope.Leaving, name)
}

// Check implements Task.
func (r *Removal) Check(_ context.Context, o *Surveyor) error {
	bad := map[string]error{}
	for _, name := range r.Hosts {
		leaves := o.Fleet.Leaving[name].Whole
		switch err := o.Fleet.Absent[name].Why; {
		case err != nil:
			bad[name] = fmt.Errorf("host %s: %w", name, err)
		case !leaves:
			bad[name] = o.notLeaving(name)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("cannot remove, nothing was changed:\n%w", fleet.InOrder(bad))
	}
	return nil
}

// Limit implements Task.
func (r *Removal) Limit(*Surveyor, *Survey, *plan.Input) (only []string) {
	for _, name := range r.Hosts {
		only = append(only, plan.ForgetAddress(name).String())
	}
	return only
}

// notLeaving says that nothing is known of a host, and of which there is.
func (sv *Surveyor) notLeaving(name string) error {
	left := sv.Fleet.Left()
	for name, d := range sv.Fleet.Leaving {
		if d.Whole {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	if len(left) == 0 {
		return fmt.Errorf("host %s is not in the cluster, and every host of the cluster is in the inventory", name)
	}
	hint := "those that left the inventory: " + strings.Join(left, ", ")
	if near := plan.Nearest(name, left); near != "" {
		hint = "did you mean " + near + "?"
	}
	return fmt.Errorf("host %s is not in the cluster; %s", name, hint)
}
