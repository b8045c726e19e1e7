package directory

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// State is what stands at the path.
type State struct {
	snapshot.Snapshot
	// Linked is what a symbolic link at the path leads to: an operator may have
	// put a data folder on another disk.
	Linked *system.Attr `json:"linked,omitempty"`
	// Purge is the spec's.
	Purge bool `json:"purge,omitempty"`
	// Filled: something stood in the folder before; then it is never purged.
	Filled bool `json:"filled,omitempty"`
	// Bare: it was looked at, and nothing stood in it. What is behind a link is
	// purged only then: older ledgers do not know.
	Bare bool `json:"bare,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] {
	return resource.Erase[*system.System, Spec, State](kind{})
}

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	return errors.Join(snapshot.CheckPath(name), snapshot.CheckAttr(want.Attr))
}

func (kind) Observe(_ context.Context, sys *system.System, name string, want Spec) (State, error) {
	taken, err := snapshot.Take(sys.Files, name)
	if err != nil {
		return State{}, err
	}
	state := State{Snapshot: taken, Purge: want.Purge}
	if taken.Type == "symlink" {
		if info, err := sys.Files.Lstat(name + "/."); err == nil && info.Type == "directory" {
			state.Linked = &info.Attr
		}
	}
	if want.Purge && (taken.Type == "directory" || state.Linked != nil) {
		entries, err := sys.Files.ReadDir(name)
		if err != nil {
			return State{}, fmt.Errorf("looking into %s: %w", name, err)
		}
		state.Filled, state.Bare = len(entries) > 0, len(entries) == 0
	}
	return state, nil
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Linked != nil {
		return snapshot.Snapshot{Type: "directory", Attr: *have.Linked}.AttrChanges(want.Attr)
	}
	if !have.Exists() {
		return []resource.Change{{Field: "mode", New: fmt.Sprintf("%#o", want.Attr.Mode), Create: true}}
	}
	if have.Type != "directory" {
		return have.TypeChange("directory")
	}
	return have.AttrChanges(want.Attr)
}

func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	have, err := k.Observe(ctx, sys, name, want)
	if err != nil {
		return err
	}
	switch {
	case have.Linked != nil:
		err = sys.Files.SetAttr(name+"/.", want.Attr)
	case have.Exists() && have.Type != "directory":
		return fmt.Errorf("cannot make folder %s: a %s stands there; move it away", name, have.Type)
	default:
		err = sys.Files.Mkdir(name, want.Attr)
	}
	if err != nil {
		return fmt.Errorf("making folder %s: %w", name, err)
	}
	return nil
}

// Restore leaves a folder that is not empty: data is only removed when the
// spec said so.
func (kind) Restore(_ context.Context, sys *system.System, name string, before State) error {
	purge := before.Purge && !before.Filled && (before.Bare || before.Linked == nil)
	if before.Exists() && purge {
		if err := system.Empty(sys.Files, name, true); err != nil {
			return err
		}
	}
	now, err := snapshot.Take(sys.Files, name)
	switch {
	case err != nil:
		return err
	case before.Linked != nil && now.Type == "symlink":
		return sys.Files.SetAttr(name+"/.", *before.Linked)
	case before.Type == "directory" && now.Type == "symlink": // it was moved meanwhile
		return sys.Files.SetAttr(name+"/.", before.Attr)
	}
	if before.Exists() {
		return snapshot.Restore(sys, name, before.Snapshot)
	}
	if before.Purge {
		if err := system.Empty(sys.Files, name, false); err != nil {
			return err
		}
		return snapshot.RemoveEmpty(sys.Files, before.Missing)
	}
	err = sys.Files.Remove(name)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing folder %s: %w", name, err)
	}
	return snapshot.RemoveEmpty(sys.Files, before.Missing)
}
