package residue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"provision/provision/internal/system"
	"provision/provision/resource"
)

// folder holds a note for each resource.
const folder = system.StateDir + "/residue"

func note(name string) string { return folder + "/" + name + ".json" }

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] {
	return resource.Erase[*system.System, Spec, State](kind{})
}

func (kind) Name() string { return Kind }

// Observe reads the note; without one, it looks which folders are there and in
// use.
func (kind) Observe(_ context.Context, sys *system.System, name string, want Spec) (State, error) {
	raw, err := sys.Files.ReadFile(note(name))
	if err == nil {
		state := State{Noted: true}
		if json.Unmarshal(raw, &state.Spec) != nil {
			state.Spec = Spec{} // damaged: it is written anew
		}
		return state, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return State{}, fmt.Errorf("reading the note of what %s leaves behind: %w", name, err)
	}
	var state State
	for _, path := range want.Paths {
		if info, err := sys.Files.Lstat(path + "/."); err == nil && info.Type == "directory" {
			if state.Stood == nil {
				state.Stood = map[string]system.Attr{}
			}
			state.Stood[path] = info.Attr
		}
		if entries, err := sys.Files.ReadDir(path); err == nil && len(entries) > 0 {
			state.Filled = append(state.Filled, path)
		}
	}
	return state, nil
}

func (kind) Apply(_ context.Context, sys *system.System, name string, want Spec) error {
	if err := sys.Files.Mkdir(folder, system.Attr{Mode: 0o700}); err != nil {
		return fmt.Errorf("making folder %s: %w", folder, err)
	}
	if err := sys.Files.WriteFile(note(name), bytes.NewReader([]byte(want.summary())), system.Attr{Mode: 0o600}); err != nil {
		return fmt.Errorf("noting what %s leaves behind: %w", name, err)
	}
	return nil
}

// Restore removes the traces, gives folders that were there before the owner and
// mode that they had, and removes the note: killed in between, it begins anew.
func (k kind) Restore(ctx context.Context, sys *system.System, name string, before State) error {
	have, err := k.Observe(ctx, sys, name, Spec{})
	if err != nil || !have.Noted {
		return err
	}
	if err := k.Check(name, have.Spec); err != nil {
		return fmt.Errorf("reading the note of what %s leaves behind: %w", name, err)
	}
	spec := have.Spec
	spec.Paths = slices.DeleteFunc(slices.Clone(spec.Paths), func(path string) bool { return slices.Contains(before.Filled, path) })
	if err := clean(ctx, sys, spec); err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(before.Stood)) { // programs change them, too
		put := sys.Files.Mkdir
		if info, err := sys.Files.Lstat(path); err == nil && info.Type == "symlink" {
			put, path = sys.Files.SetAttr, path+"/." // it was moved meanwhile
		}
		if err := put(path, before.Stood[path]); err != nil {
			return fmt.Errorf("putting folder %s back: %w", path, err)
		}
	}
	sys.Point("residue:cleaned")
	if err := sys.Files.Remove(note(name)); err != nil {
		return fmt.Errorf("removing the note of what %s left behind: %w", name, err)
	}
	_ = sys.Files.Remove(folder) // when it was the last
	return nil
}
