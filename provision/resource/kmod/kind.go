package kmod

import (
	"context"
	"fmt"
	"strings"

	"provision/provision/internal/names"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// State is whether the kernel has the module, and the file that loads it at
// boot.
type State struct {
	Presence Presence          `json:"presence"`
	File     snapshot.Snapshot `json:"file"`
	Right    bool              `json:"right,omitempty"` // the file is as wanted
}

// moduleName is what modprobe(8) takes.
func moduleName(name string) bool { return names.Only(name, "", names.Alnum+"_-", 64) }

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, _ Spec) error {
	if !moduleName(name) {
		return fmt.Errorf("%q is not a kernel module", name)
	}
	return nil
}

func confPath(name string) string { return "/etc/modules-load.d/provision-" + name + ".conf" }

func (kind) Observe(_ context.Context, sys *system.System, name string, _ Spec) (State, error) {
	file, err := snapshot.Take(sys.Files, confPath(name))
	if err != nil {
		return State{}, err
	}
	state := State{File: file, Right: file.Holds(name + "\n")}
	state.Presence = detect(sys.Files, name)
	return state, nil
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	switch have.Presence {
	case Builtin:
		return nil // nothing to load, now or at boot
	case Absent:
		if want.Optional {
			return nil
		}
		return []resource.Change{{Field: "loaded", Old: "no", New: "yes", Create: true}}
	}
	if !have.Right && !want.CheckOnly {
		return []resource.Change{{Field: "at boot", Old: "not loaded", New: "loaded"}}
	}
	return nil
}

func (kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	presence := detect(sys.Files, name)
	if presence == Absent {
		if want.CheckOnly && !want.Optional {
			return fmt.Errorf("the kernel has no %s: load the module on the machine that owns the kernel", name)
		}
		if want.CheckOnly {
			return nil
		}
		if err := load(ctx, sys, name); err != nil {
			if want.Optional {
				return nil
			}
			return err
		}
		sys.Point("kmod:loaded")
		presence = detect(sys.Files, name)
	}
	if want.CheckOnly || presence != Loaded {
		return nil
	}
	if err := snapshot.Write(sys.Files, confPath(name), strings.NewReader(name+"\n"), system.Attr{Mode: 0o644}); err != nil {
		return fmt.Errorf("loading %s at boot: %w", name, err)
	}
	return nil
}

func load(ctx context.Context, sys *system.System, name string) error {
	if _, err := sys.Runner.Run(ctx, system.Command{Argv: []string{"modprobe", name}}); err != nil {
		return fmt.Errorf("cannot load kernel module %s: %w; install the kernel's modules, or load it on the machine that owns the kernel", name, err)
	}
	if detect(sys.Files, name) == Absent {
		return fmt.Errorf("cannot load kernel module %s: modprobe succeeded and the kernel still has none", name)
	}
	return nil
}

func (kind) Keep(_ context.Context, sys *system.System, name string, have State) (State, error) {
	var err error
	have.File, err = snapshot.Keep(sys, confPath(name), have.File)
	return have, err
}

// Restore unloads what was not loaded before, unless somebody uses it by now:
// then it stays until the next boot.
func (kind) Restore(ctx context.Context, sys *system.System, name string, before State) error {
	if err := snapshot.Restore(sys, confPath(name), before.File); err != nil {
		return err
	}
	sys.Point("kmod:file")
	if before.Presence == Absent && detect(sys.Files, name) == Loaded {
		_, err := sys.Runner.Run(ctx, system.Command{Argv: []string{"modprobe", "-r", name}})
		if ctx.Err() != nil {
			return err
		}
	}
	return nil
}
