package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/plan"
)

// ErrNothingToReset: nothing of provision's is left on any of the hosts.
var ErrNothingToReset = errors.New("nothing that provision made is left there")

// takeOut has a run see the inventory without the hosts that are to be reset:
// they leave the cluster as hosts do that are taken out of the inventory.
func (o *Operator) takeOut(names []string) {
	if len(names) == 0 {
		return
	}
	o.resetting = map[string]inventory.Host{}
	rest := *o.Inventory
	rest.Hosts = slices.DeleteFunc(slices.Clone(rest.Hosts), func(h inventory.Host) bool {
		if slices.Contains(names, h.Name) {
			o.resetting[h.Name] = h
			return true
		}
		return false
	})
	o.Inventory = &rest
}

// asListed is a host of the roster, reached as the inventory says if it is only
// reset.
func (o *Operator) asListed(h inventory.Host) inventory.Host {
	listed, ok := o.resetting[h.Name]
	if !ok {
		return h
	}
	listed.Roles = h.Roles
	return listed
}

// unlisted are hosts to be reset that the roster does not know: forgotten, or
// never part of the cluster.
func (o *Operator) unlisted(known map[string]facts.RosterHost) []inventory.Host {
	var list []inventory.Host
	for _, name := range slices.Sorted(maps.Keys(o.resetting)) {
		if _, ok := known[name]; !ok {
			list = append(list, o.resetting[name])
		}
	}
	return list
}

// unfitForReset reports whether a host that is to be reset is left as it is: an
// error says why, none that nothing is left to do there.
func (o *Operator) unfitForReset(name string, m *fleet.Member, err error) (bool, error) {
	if _, ok := o.resetting[name]; !ok {
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("host %s does not answer: %w", name, err)
	}
	known := o.fleet.Known()
	_, listed := known[name]
	owned := m.Facts.Owned
	switch id := owned.Identity; {
	case id != nil && (o.decision.Identity == nil || id.UUID != o.decision.Identity.UUID):
		err = foreignHost(name, id)
	case id == nil && listed || id != nil:
		return false, nil
	case owned.Epoch == 0:
		err = strangeHost(name)
	}
	_ = m.Agent.Close() // nothing is done on it
	return true, err
}

func foreignHost(name string, id *facts.Identity) error {
	return fmt.Errorf("refusing host %s: it belongs to cluster %q (%s); use that cluster's inventory", name, id.Cluster, id.UUID)
}

func strangeHost(name string) error {
	return fmt.Errorf("refusing host %s: it has no ledger, so nothing on it is provision's", name)
}

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
func (r *Reset) Check(_ context.Context, o *Operator) error {
	bad := map[string]error{}
	for name := range o.resetting {
		if err := o.silent[name]; err != nil {
			bad[name] = err
		}
	}
	switch {
	case len(bad) > 0:
		return fmt.Errorf("cannot reset, nothing was changed:\n%w", inOrder(bad))
	case len(r.leaving(o)) == 0:
		return ErrNothingToReset
	}
	return nil
}

// leaving are those that have not left yet.
func (r *Reset) leaving(o *Operator) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(o.resetting)), func(name string) bool { _, leaves := o.leaving[name]; return !leaves })
}

// Limit implements Task.
func (r *Reset) Limit(o *Operator, _ *survey, in *plan.Input) (only []string) {
	in.Warnings = append(in.Warnings, o.destroyed(slices.Sorted(maps.Keys(o.resetting)))...)
	for _, name := range r.leaving(o) {
		only = append(only, plan.ForgetAddress(name).String())
	}
	return only
}

// destroyed says what a reset takes away for good, host by host.
func (o *Operator) destroyed(names []string) []string {
	var list []string
	for _, name := range names {
		m := o.fleet.Members[name]
		if m == nil {
			continue
		}
		count := map[string]int{}
		for _, r := range m.Facts.Owned.Resources {
			kind, _, _ := strings.Cut(r.ID, "[")
			count[kind]++
		}
		var parts []string
		if o.hasData(name) {
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
