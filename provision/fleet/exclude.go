package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/event"
)

func InOrder(errs map[string]error) error {
	list := make([]error, 0, len(errs))
	for _, name := range slices.Sorted(maps.Keys(errs)) {
		list = append(list, errs[name])
	}
	return errors.Join(list...)
}

// Do runs do for all hosts at once and joins what failed.
func (f *Fleet) Do(names []string, do func(name string) error) error {
	errs := Each(names, do)
	var list []error
	for _, name := range slices.Sorted(maps.Keys(errs)) {
		list = append(list, fmt.Errorf("host %s: %w", name, errs[name]))
	}
	return errors.Join(list...)
}

// Exclude skips a host that answered.
func (f *Fleet) Exclude(name string, why error) {
	m := f.Members[name]
	_ = m.Agent.Close() // it is skipped either way
	delete(f.Members, name)
	f.Absent[name] = Absent{Host: m.Host, Why: why}
	f.Emit(event.Event{Type: event.HostFailed, Host: name, Text: why.Error()})
}

// Refuse skips hosts. A new cluster is not born without one of its
// masters or etcd hosts: it would come back as a stranger.
func (f *Fleet) Refuse(refused map[string]error) error {
	var all []error
	keepers := false
	for _, h := range f.Inventory.Hosts {
		if err := refused[h.Name]; err != nil {
			all, keepers = append(all, err), keepers || h.Keeper()
		}
	}
	if keepers && f.Decision.Identity == nil {
		return fmt.Errorf("cannot create cluster %q without all its masters and etcd hosts. Nothing was changed:\n%w", f.Inventory.Cluster.Name, errors.Join(all...))
	}
	for name, err := range refused {
		f.Exclude(name, err)
	}
	return nil
}

// NotFitError is why a host that answered is skipped.
type NotFitError struct {
	Host  string
	Lines []string
}

// Error implements error.
func (e *NotFitError) Error() string {
	return fmt.Sprintf("host %s fails preflight (--ignore-preflight CHECK accepts it):\n  %s", e.Host, strings.Join(e.Lines, "\n  "))
}

// NotFit are those of the hosts that preflight keeps out. The run has said why.
func (f *Fleet) NotFit(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		var bad *NotFitError
		return !errors.As(f.Absent[name].Why, &bad)
	})
}
