package override

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// aside is the end of the names of what was set aside.
const aside = ".set-aside"

const units = "/etc/systemd/system"

// folders is where an administrator's drop-ins are. Those of packages, in
// /usr/lib, belong to the unit.
func folders(unit string) []string {
	return []string{
		units + "/" + unit + ".d", "/etc/systemd/system.control/" + unit + ".d",
		"/run/systemd/system/" + unit + ".d", "/run/systemd/system.control/" + unit + ".d",
	}
}

// State is what stands over the unit: paths, sorted.
type State struct {
	Found []string `json:"found,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if strings.ContainsAny(name, "/ \x00") || !strings.Contains(name, ".") {
		return fmt.Errorf("%q is not a full unit name, such as etcd.service", name)
	}
	var problems []error
	for _, each := range want.Ours {
		problems = append(problems, snapshot.CheckPath(each))
	}
	return errors.Join(problems...)
}

func (kind) Observe(_ context.Context, sys *system.System, name string, want Spec) (State, error) {
	var state State
	for _, folder := range folders(name) {
		entries, err := sys.Files.ReadDir(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return State{}, fmt.Errorf("looking for drop-ins: %w", err)
		}
		for _, entry := range entries {
			full := folder + "/" + entry.Name()
			if strings.HasSuffix(full, ".conf") && !slices.Contains(want.Ours, full) {
				state.Found = append(state.Found, full)
			}
		}
	}
	if want.Packaged {
		over, err := replaced(sys.Files, units+"/"+name)
		if err != nil {
			return State{}, err
		}
		if over {
			state.Found = append(state.Found, units+"/"+name)
		}
	}
	slices.Sort(state.Found)
	return state, nil
}

// replaced reports whether a file of its own stands over a package's unit. A
// link is an alias, or a mask, which kind unit sees.
func replaced(files system.Files, name string) (bool, error) {
	info, err := files.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking at %s: %w", name, err)
	}
	return info.Type == "file", nil
}

func (kind) Diff(_ string, _ Spec, have State) []resource.Change {
	var changes []resource.Change
	for _, each := range have.Found {
		field := "drop-in"
		if path.Dir(each) == units {
			field = "unit file"
		}
		changes = append(changes, resource.Change{Field: field, Old: each, New: "set aside as " + path.Base(each) + aside})
	}
	return changes
}

// Apply renames first and has systemd read it after: killed between the two,
// systemd says that it needs a reload, and kind unit sees that.
func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	have, err := k.Observe(ctx, sys, name, want)
	if err != nil || len(have.Found) == 0 {
		return err
	}
	for _, each := range have.Found {
		if err := sys.Files.Rename(each, each+aside); err != nil {
			return fmt.Errorf("setting %s aside: %w", each, err)
		}
		sys.Point("override:aside")
	}
	return sys.Units.DaemonReload(ctx)
}

// Restore brings back what was there before the first apply, unless something
// stands in its place by now.
func (kind) Restore(ctx context.Context, sys *system.System, _ string, before State) error {
	for _, each := range before.Found {
		_, err := sys.Files.Lstat(each)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := sys.Files.Rename(each+aside, each); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("bringing back %s: %w", each, err)
		}
		sys.Point("override:back")
	}
	return sys.Units.DaemonReload(ctx)
}
