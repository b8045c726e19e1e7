package provision

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/plan"
)

// narrow reports whether a run is limited to what was named: hosts to isolate,
// to reboot, to reset or to remove. Changes of the inventory that wait for an apply, at
// these hosts or elsewhere, go on waiting.
func (o *Operator) narrow() bool {
	return o.Isolation != nil || o.Reboot != nil || o.resetting != nil || len(o.Remove) > 0
}

// goes reports whether a host that leaves is taken out by this run.
func (o *Operator) goes(name string) bool {
	_, reset := o.resetting[name]
	return !o.narrow() || reset || slices.Contains(o.Remove, name)
}

// removeNamed limits a run that removes hosts to these.
func (o *Operator) removeNamed() error {
	if len(o.Remove) == 0 {
		return nil
	}
	o.Targets = nil
	bad := map[string]error{}
	for _, name := range o.Remove {
		_, leaves := o.leaving[name]
		switch err := o.silent[name]; {
		case err != nil:
			bad[name] = fmt.Errorf("host %s: %w", name, err)
		case !leaves:
			bad[name] = o.notLeaving(name)
		default:
			o.Targets = append(o.Targets, plan.ForgetAddress(name).String())
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("cannot remove, nothing was changed:\n%w", inOrder(bad))
	}
	return nil
}

// notLeaving says that nothing is known of a host, and of which there is.
func (o *Operator) notLeaving(name string) error {
	left := append(slices.Sorted(maps.Keys(o.leaving)), slices.Sorted(maps.Keys(o.silent))...)
	slices.Sort(left)
	if len(left) == 0 {
		return fmt.Errorf("host %s is not part of the cluster, and no host is that left the inventory", name)
	}
	hint := "those that left the inventory: " + strings.Join(left, ", ")
	if near := plan.Nearest(name, left); near != "" {
		hint = "did you mean " + near + "?"
	}
	return fmt.Errorf("host %s is not part of the cluster; %s", name, hint)
}
