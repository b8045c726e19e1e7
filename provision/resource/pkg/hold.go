package pkg

import (
	"context"
	"fmt"
	"strings"

	"provision/provision/internal/system"
)

// held is what dpkg's first column shows of a package that is on hold.
const held = 'h'

// hold puts the package on hold, last: installing it may change what is wanted
// of it.
func hold(ctx context.Context, sys *system.System, name string, want Spec) error {
	if !want.Hold {
		return nil
	}
	have, err := observe(ctx, sys, name, []string{name})
	if err != nil || have.Held {
		return err
	}
	return mark(ctx, sys, name, "hold")
}

// heldOf are those of the packages that are on hold: dpkg lets go of them when
// it installs them.
func heldOf(ctx context.Context, sys *system.System, names []string) ([]string, error) {
	entries, err := query(ctx, sys, names)
	var list []string
	for _, entry := range entries {
		if entry.Want == held {
			list = append(list, entry.Package)
		}
	}
	return list, err
}

// mark tells dpkg what is wanted of a package, which apt respects, too.
func mark(ctx context.Context, sys *system.System, name, selection string) error {
	_, err := sys.Runner.Run(ctx, system.Command{Argv: []string{"dpkg", "--set-selections"}, Stdin: strings.NewReader(name + " " + selection + "\n")})
	if err != nil {
		return fmt.Errorf("marking package %s as %q: %w", name, selection, err)
	}
	return nil
}
