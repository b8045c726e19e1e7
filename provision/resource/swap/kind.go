package swap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/internal/snapshot"
)

const fstab = "/etc/fstab"

// State is the swap in use and what would bring it back at boot.
type State struct {
	Devices []string          `json:"devices,omitempty"` // in use, with their priority: "/dev/sda2 -2"
	AtBoot  []string          `json:"at_boot,omitempty"` // fstab's
	File    snapshot.Snapshot `json:"file"`
	// Masked are the units of the devices in use that were masked already.
	Masked []string `json:"masked,omitempty"`
}

type kind struct{}

// Of is the kind for the catalogue.
func Of() resource.Kind[*system.System] { return resource.Erase[*system.System, Spec, State](kind{}) }

func (kind) Name() string { return Kind }

func (kind) Check(name string, want Spec) error {
	if name != "all" || !want.Off {
		return errors.New(`the only swap that can be wanted is none: name "all", off true`)
	}
	return nil
}

func (kind) Observe(ctx context.Context, sys *system.System, _ string, _ Spec) (State, error) {
	used, err := snapshot.Text(sys.Files, "/proc/swaps")
	if err != nil {
		return State{}, err
	}
	table, err := snapshot.Text(sys.Files, fstab)
	if err != nil {
		return State{}, err
	}
	file, err := snapshot.Take(sys.Files, fstab)
	if err != nil {
		return State{}, err
	}
	state := State{Devices: parseSwaps(used), AtBoot: swapLines(table), File: file}
	for _, device := range state.Devices {
		unit := unitOf(device)
		status, err := sys.Units.Status(ctx, unit)
		if err != nil {
			return State{}, err
		}
		if strings.HasPrefix(status.UnitFileState, "masked") {
			state.Masked = append(state.Masked, unit)
		}
	}
	return state, nil
}

func (kind) Diff(_ string, _ Spec, have State) []resource.Change {
	var changes []resource.Change
	if len(have.Devices) > 0 {
		changes = append(changes, resource.Change{Field: "in use", Old: strings.Join(have.Devices, ", "), New: "none"})
	}
	if len(have.AtBoot) > 0 {
		changes = append(changes, resource.Change{Field: "fstab", Old: strings.Join(have.AtBoot, "\n"), New: "commented out"})
	}
	return changes
}

// Apply first keeps swap from coming back and then turns it off: a device that
// is off is no longer known to a later run.
func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	have, err := k.Observe(ctx, sys, name, want)
	if err != nil {
		return err
	}
	for _, device := range have.Devices {
		if unit := unitOf(device); !slices.Contains(have.Masked, unit) {
			if err := sys.Units.Mask(ctx, unit); err != nil {
				return err
			}
			sys.Point("swap:masked")
		}
	}
	for _, device := range have.Devices {
		path, _, _ := strings.Cut(device, " ")
		if _, err := sys.Runner.Run(ctx, system.Command{Argv: []string{"swapoff", path}}); err != nil {
			return fmt.Errorf("turning off swap on %s: %w", path, err)
		}
		sys.Point("swap:off")
	}
	if len(have.AtBoot) == 0 {
		return nil
	}
	table, err := snapshot.Text(sys.Files, fstab)
	if err != nil {
		return err
	}
	if err := sys.Files.WriteFile(fstab, strings.NewReader(commented(table)), have.File.Attr); err != nil {
		return fmt.Errorf("writing %s: %w", fstab, err)
	}
	return nil
}

func (kind) Keep(_ context.Context, sys *system.System, _ string, have State) (State, error) {
	var err error
	have.File, err = snapshot.Keep(sys, fstab, have.File)
	return have, err
}

// Restore takes our marks out of fstab rather than putting an old one back:
// others edit it too.
func (k kind) Restore(ctx context.Context, sys *system.System, name string, before State) error {
	have, err := k.Observe(ctx, sys, name, Spec{})
	if err != nil {
		return err
	}
	table, err := snapshot.Text(sys.Files, fstab)
	if err != nil {
		return err
	}
	if back := uncommented(table); back != table {
		if err := sys.Files.WriteFile(fstab, strings.NewReader(back), have.File.Attr); err != nil {
			return fmt.Errorf("writing %s: %w", fstab, err)
		}
		sys.Point("swap:fstab")
	}
	for _, device := range before.Devices {
		if unit := unitOf(device); !slices.Contains(before.Masked, unit) {
			if err := sys.Units.Unmask(ctx, unit); err != nil {
				return err
			}
			sys.Point("swap:unmasked")
		}
		if slices.Contains(have.Devices, device) {
			continue
		}
		path, priority, _ := strings.Cut(device, " ")
		argv := []string{"swapon", path}
		if !strings.HasPrefix(priority, "-") {
			argv = []string{"swapon", "--priority", priority, path}
		}
		if _, err := sys.Runner.Run(ctx, system.Command{Argv: argv}); err != nil {
			return fmt.Errorf("turning on swap on %s: %w", path, err)
		}
	}
	return nil
}
