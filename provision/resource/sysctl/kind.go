package sysctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"provision/provision/internal/names"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// State is the live value and the file that sets it at boot.
type State struct {
	Missing bool              `json:"missing,omitempty"` // the kernel has no such key
	Value   string            `json:"value"`
	File    snapshot.Snapshot `json:"file"`
	// Right is set when the file has the wanted content.
	Right bool `json:"right,omitempty"`
}

// keyName is what sysctl(8) takes with dots.
func keyName(name string) bool {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if i == 0 && !names.Only(part, "", names.Lower+names.Digits+"_", 255) || !names.Only(part, "", names.Alnum+"_/:@-", 255) {
			return false
		}
	}
	return len(parts) > 1
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if !keyName(name) || strings.Contains(name, "//") {
		return fmt.Errorf("%q is not a kernel parameter", name)
	}
	if want.Value == "" || strings.ContainsAny(want.Value, "\n\r\x00") {
		return fmt.Errorf("%q is not a value", want.Value)
	}
	if _, err := strconv.ParseInt(want.Value, 10, 64); want.AtLeast && err != nil {
		return fmt.Errorf("at_least needs a number, not %q", want.Value)
	}
	return nil
}

// live is the key's file: dots separate, a slash stands for a dot in a name.
func live(key string) string {
	return "/proc/sys/" + strings.NewReplacer(".", "/", "/", ".").Replace(key)
}

func confPath(key string) string {
	return "/etc/sysctl.d/90-provision-" + strings.ReplaceAll(key, "/", ":") + ".conf"
}

func conf(key, value string) string { return key + " = " + value + "\n" }

func (kind) Observe(_ context.Context, sys *system.System, name string, want Spec) (State, error) {
	file, err := snapshot.Take(sys.Files, confPath(name))
	if err != nil {
		return State{}, err
	}
	state := State{File: file, Right: file.Holds(conf(name, want.Value))}
	value, err := sys.Files.ReadFile(live(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		state.Missing = true
	case err != nil:
		return State{}, fmt.Errorf("reading kernel parameter %s: %w", name, err)
	}
	state.Value = strings.TrimSpace(string(value)) // as the kernel writes it: Restore puts that back
	return state, nil
}

// normal is a value as the kernel and people mean it: fields, one space apart.
func normal(value string) string { return strings.Join(strings.Fields(value), " ") }

func enough(want Spec, value string) bool {
	value = normal(value)
	if value == normal(want.Value) {
		return true
	}
	have, err := strconv.ParseInt(value, 10, 64)
	if !want.AtLeast || err != nil {
		return false
	}
	wanted, err := strconv.ParseInt(want.Value, 10, 64)
	return err == nil && have >= wanted
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	if have.Missing {
		if want.Optional {
			return nil
		}
		return []resource.Change{{Field: "value", Old: "(the kernel has no such key yet)", New: want.Value}}
	}
	var changes []resource.Change
	if !enough(want, have.Value) {
		changes = append(changes, resource.Change{Field: "value", Old: normal(have.Value), New: want.Value})
	}
	// A value that is greater without us needs no file of ours, which would
	// lower it at the next boot.
	if !have.Right && (have.File.Exists() || normal(have.Value) == normal(want.Value) || len(changes) > 0) {
		changes = append(changes, resource.Change{Field: "at boot", New: want.Value, Create: !have.File.Exists() && len(changes) == 0})
	}
	return changes
}

func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	have, err := k.Observe(ctx, sys, name, want)
	if err != nil {
		return err
	}
	if have.Missing && !want.Optional {
		return fmt.Errorf("cannot set %s: the kernel has no such key; is its module loaded?", name)
	}
	if len(k.Diff(name, want, have)) == 0 {
		return nil
	}
	if err := snapshot.Write(sys.Files, confPath(name), strings.NewReader(conf(name, want.Value)), system.Attr{Mode: 0o644}); err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	sys.Point("sysctl:file")
	if enough(want, have.Value) {
		return nil
	}
	return set(sys, name, want.Value)
}

func set(sys *system.System, key, value string) error {
	if err := sys.Files.Overwrite(live(key), []byte(value+"\n")); err != nil {
		return fmt.Errorf("setting kernel parameter %s: %w", key, err)
	}
	return nil
}

func (kind) Keep(_ context.Context, sys *system.System, name string, have State) (State, error) {
	var err error
	have.File, err = snapshot.Keep(sys, confPath(name), have.File)
	return have, err
}

func (kind) Restore(_ context.Context, sys *system.System, name string, before State) error {
	if err := snapshot.Restore(sys, confPath(name), before.File); err != nil {
		return err
	}
	sys.Point("sysctl:restored")
	now, err := sys.Files.ReadFile(live(name))
	if errors.Is(err, fs.ErrNotExist) || before.Missing || err == nil && normal(string(now)) == normal(before.Value) {
		return nil
	}
	return set(sys, name, before.Value)
}
