package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"provision/provision/identity"
	"provision/provision/inventory"
)

// Identify connects and finds out which cluster the hosts belong to.
func (f *Fleet) Identify(ctx context.Context) error {
	f.Dial(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(f.Members) == 0 {
		return f.Nobody()
	}
	f.strangers()
	decision, err := identity.Decide(f.Inventory, f.Owned())
	if err != nil {
		return err
	}
	f.Decision = decision
	return nil
}

// IdentifyKeepers is Identify by masters and etcd hosts alone.
func (f *Fleet) IdentifyKeepers(ctx context.Context) error {
	whole := f.Inventory
	defer func() { f.Inventory = whole }()
	keepers := *whole
	keepers.Hosts = slices.DeleteFunc(slices.Clone(keepers.Hosts), func(h inventory.Host) bool { return !h.Keeper() })
	f.Inventory = &keepers
	return f.Identify(ctx)
}

func (f *Fleet) Nobody() error {
	var lines []string
	for _, h := range f.Inventory.Hosts {
		if err := f.Absent[h.Name].Why; err != nil {
			lines = append(lines, h.Name+": "+err.Error())
		}
	}
	return fmt.Errorf("cannot continue: no host answered:\n  %s", strings.Join(lines, "\n  "))
}
