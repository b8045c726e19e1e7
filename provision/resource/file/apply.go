package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/resource/internal/snapshot"
)

// candidate is the file that a validation command is shown. Its name starts
// with a dot, so that programs which read whole folders pass it over.
func candidate(name string) string {
	dir, base := path.Split(name)
	return dir + "." + base + ".provision-candidate"
}

func (kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	info, err := sys.Files.Lstat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking at %s: %w", name, err)
	}
	if err == nil && info.Type == "directory" {
		return fmt.Errorf("cannot write %s: it is a directory; remove it or name another path", name)
	}
	if err == nil && info.Type == "file" && settled(sys.Files, want) {
		return nil
	}
	if err := snapshot.EnsureParent(sys.Files, name); err != nil {
		return fmt.Errorf("making the folder of %s: %w", name, err)
	}
	if err := validate(ctx, sys, name, want); err != nil {
		return err
	}
	have, err := snapshot.Take(sys.Files, name)
	if err != nil {
		return err
	}
	switch {
	case !have.Holds(want.text()):
		err = sys.Files.WriteFile(name, strings.NewReader(want.text()), want.Attr)
	case have.Attr != want.Attr:
		err = sys.Files.SetAttr(name, want.Attr)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	sys.Point("file:written")
	if err := setAside(sys, name, want); err != nil {
		return err
	}
	if want.DaemonReload {
		return reload(ctx, sys, name)
	}
	return nil
}

// reload makes systemd read a unit file anew, if it has read an older one: what
// it does not know yet it reads at first use, and each reload costs it a tenth
// of a second. Of drop-ins in a new folder it does not know that they are there.
func reload(ctx context.Context, sys *system.System, name string) error {
	if unit := unitOf(name); unit == path.Base(name) {
		status, err := sys.Units.Status(ctx, unit)
		if err == nil && status.LoadState == "loaded" && !status.NeedReload {
			return nil
		}
	}
	return sys.Units.DaemonReload(ctx)
}

func validate(ctx context.Context, sys *system.System, name string, want Spec) error {
	if len(want.Validate) == 0 {
		return nil
	}
	shown := candidate(name)
	if err := sys.Files.WriteFile(shown, strings.NewReader(want.text()), want.Attr); err != nil {
		return fmt.Errorf("writing candidate of %s: %w", name, err)
	}
	sys.Point("file:candidate")
	argv := make([]string, len(want.Validate))
	for i, arg := range want.Validate {
		argv[i] = strings.ReplaceAll(arg, "{}", sys.Files.Path(shown))
	}
	_, err := sys.Runner.Run(ctx, system.Command{Argv: argv})
	err = errors.Join(err, sys.Files.Remove(shown))
	if err != nil {
		return fmt.Errorf("validating %s: %w", name, err)
	}
	return nil
}

// Keep saves the old content; the text for the plan is not needed again.
func (kind) Keep(_ context.Context, sys *system.System, name string, have State) (State, error) {
	var err error
	have.Text = ""
	have.Snapshot, err = snapshot.Keep(sys, name, have.Snapshot)
	return have, err
}

func (kind) Restore(ctx context.Context, sys *system.System, name string, before State) error {
	if err := sys.Files.Remove(candidate(name)); err != nil {
		return fmt.Errorf("removing candidate of %s: %w", name, err)
	}
	if err := snapshot.Restore(sys, name, before.Snapshot); err != nil {
		return err
	}
	sys.Point("file:restored")
	if err := bringBack(sys, name, before); err != nil {
		return err
	}
	if before.DaemonReload {
		return reload(ctx, sys, name)
	}
	return nil
}
