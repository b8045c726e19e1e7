package managers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

// Files of kubelet, and the one in which we note what they depend on.
const (
	cpuFile    = "cpu_manager_state"
	memoryFile = "memory_manager_state"
	markFile   = "provision_managers"
)

// State is what the managers remember.
type State struct {
	CPU    string `json:"cpu,omitempty"` // policy of the memory that is there
	Memory string `json:"memory,omitempty"`
	Mark   string `json:"mark,omitempty"`
	Folder string `json:"folder,omitempty"` // the spec's: Restore needs it
}

// unreadable is the policy of a memory that cannot be read.
const unreadable = "unreadable"

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if strings.ContainsAny(name, "/ \x00") || !strings.HasSuffix(name, ".service") {
		return fmt.Errorf("%q is not a service", name)
	}
	if !slices.Contains([]string{NoCPU, "static"}, want.CPU) || !slices.Contains([]string{NoMemory, "Static"}, want.Memory) {
		return fmt.Errorf("%q and %q are not policies of the CPU and the memory manager", want.CPU, want.Memory)
	}
	if strings.ContainsAny(want.Reserved, "\n\x00") {
		return fmt.Errorf("%q is not a note", want.Reserved)
	}
	return snapshot.CheckPath(want.Folder)
}

func (kind) Observe(_ context.Context, sys *system.System, _ string, want Spec) (State, error) {
	state := State{Folder: want.Folder}
	var err error
	if state.CPU, err = policy(sys.Files, want.Folder+"/"+cpuFile); err != nil {
		return State{}, err
	}
	if state.Memory, err = policy(sys.Files, want.Folder+"/"+memoryFile); err != nil {
		return State{}, err
	}
	mark, err := sys.Files.ReadFile(want.Folder + "/" + markFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return State{}, fmt.Errorf("reading what kubelet's managers began with: %w", err)
	}
	state.Mark = strings.TrimSpace(string(mark))
	return state, nil
}

// policy is the one in a file of a manager; "" without a file.
func policy(files system.Files, path string) (string, error) {
	raw, err := files.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading what kubelet's managers remember: %w", err)
	}
	return parse(raw), nil
}

func parse(raw []byte) string {
	var memory struct {
		PolicyName string `json:"policyName"`
	}
	if json.Unmarshal(raw, &memory) != nil || memory.PolicyName == "" {
		return unreadable
	}
	return memory.PolicyName
}

func (kind) Diff(_ string, want Spec, have State) []resource.Change {
	var changes []resource.Change
	if have.CPU != "" && have.CPU != want.CPU {
		changes = append(changes, resource.Change{Field: "CPU manager", Old: have.CPU, New: want.CPU})
	}
	if have.Memory != "" && have.Memory != want.Memory {
		changes = append(changes, resource.Change{Field: "memory manager", Old: have.Memory, New: want.Memory})
	}
	if have.Mark != want.Reserved {
		changes = append(changes, resource.Change{Field: "reserved", Old: have.Mark, New: want.Reserved})
	}
	return changes
}

// Apply stops kubelet, which would write its memory down again, and notes last
// what was done: killed before, everything is done once more. The unit's own
// resource starts kubelet again.
func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	have, err := k.Observe(ctx, sys, name, want)
	if err != nil || len(k.Diff(name, want, have)) == 0 {
		return err
	}
	if err := forget(ctx, sys, name, want.Folder, have); err != nil {
		return err
	}
	return note(sys.Files, want.Folder, want.Reserved)
}

func forget(ctx context.Context, sys *system.System, unit, folder string, have State) error {
	if have.CPU == "" && have.Memory == "" {
		return nil // nothing ran yet
	}
	status, err := sys.Units.Status(ctx, unit)
	if err != nil {
		return err
	}
	if status.ActiveState != "inactive" && status.ActiveState != "" {
		if err := sys.Units.Stop(ctx, unit); err != nil {
			return err
		}
	}
	sys.Point("managers:stopped")
	for _, file := range []string{cpuFile, memoryFile} {
		if err := sys.Files.Remove(folder + "/" + file); err != nil {
			return fmt.Errorf("forgetting what kubelet's managers remember: %w", err)
		}
		sys.Point("managers:forgotten")
	}
	return nil
}

// Restore brings our note back, or takes it away. The memory is kubelet's own, but
// one of another policy than before would keep it from starting.
func (k kind) Restore(ctx context.Context, sys *system.System, name string, before State) error {
	have, err := k.Observe(ctx, sys, name, Spec{Folder: before.Folder})
	if err != nil {
		return err
	}
	if before.CPU != "" && have.CPU != before.CPU || before.Memory != "" && have.Memory != before.Memory || before.Mark != "" && have.Mark != before.Mark {
		if err := forget(ctx, sys, name, before.Folder, have); err != nil {
			return err
		}
	}
	return note(sys.Files, before.Folder, before.Mark)
}

// note writes what the managers begin with; nothing: removes it.
func note(files system.Files, folder, reserved string) (err error) {
	mark := folder + "/" + markFile
	if reserved == "" {
		err = files.Remove(mark)
	} else {
		err = files.WriteFile(mark, strings.NewReader(reserved+"\n"), system.Attr{Mode: 0o600})
	}
	if err != nil {
		return fmt.Errorf("noting what kubelet's managers begin with: %w", err)
	}
	return nil
}
