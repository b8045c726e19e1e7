package binary

import (
	"context"
	"errors"
	"fmt"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// State is what stands at the path.
type State struct {
	snapshot.Snapshot
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if !system.IsSHA256(want.SHA256) {
		return fmt.Errorf("%q is not a sha256", want.SHA256)
	}
	return errors.Join(snapshot.CheckPath(name), snapshot.CheckAttr(want.Attr))
}

func (kind) Observe(_ context.Context, sys *system.System, name string, _ Spec) (State, error) {
	taken, err := snapshot.Take(sys.Files, name)
	if err == nil && taken.Type == "directory" {
		err = fmt.Errorf("%s is a directory: remove it", name)
	}
	return State{taken}, err
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Type != "file" || have.SHA256 != want.SHA256 {
		wanted := snapshot.Short(want.SHA256)
		if want.Version != "" {
			wanted = want.Version + " (" + wanted + ")"
		}
		changes := have.TypeChange("file")
		return append(changes, resource.Change{Field: "content", Old: snapshot.Short(have.SHA256), New: wanted, Create: !have.Exists()})
	}
	return have.AttrChanges(want.Attr)
}

func (kind) Apply(_ context.Context, sys *system.System, name string, want Spec) error {
	have, err := snapshot.Take(sys.Files, name)
	if err != nil {
		return err
	}
	switch {
	case have.Type == "directory":
		return fmt.Errorf("cannot write %s: it is a directory; remove it", name) // came after Observe
	case have.Type == "file" && have.SHA256 == want.SHA256:
		return sys.Files.SetAttr(name, want.Attr)
	}
	blob, err := sys.Blobs.Path(want.SHA256)
	if err != nil {
		return fmt.Errorf("installing %s: %w", name, err)
	}
	if err := snapshot.EnsureParent(sys.Files, name); err != nil {
		return fmt.Errorf("making the folder of %s: %w", name, err)
	}
	if err := sys.Files.Link(blob, name, want.Attr); err != nil {
		return fmt.Errorf("installing %s: %w", name, err)
	}
	return nil
}

func (kind) Keep(_ context.Context, sys *system.System, name string, have State) (State, error) {
	kept, err := snapshot.Keep(sys, name, have.Snapshot)
	return State{kept}, err
}

func (kind) Restore(_ context.Context, sys *system.System, name string, before State) error {
	return snapshot.Restore(sys, name, before.Snapshot)
}
