package unit

import (
	"context"
	"fmt"

	"provision/provision/internal/system"
)

// Apply never restarts: the agent does that, for units whose inputs changed.
func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	have, err := k.Observe(ctx, sys, name, want)
	if err != nil {
		return err
	}
	if want.Masked {
		return mask(ctx, sys, name, have)
	}
	if have.masked() {
		if err := sys.Units.Unmask(ctx, name); err != nil {
			return err
		}
		sys.Point("unit:unmasked")
	}
	if have.NeedReload || !have.found() {
		if err := sys.Units.DaemonReload(ctx); err != nil {
			return err
		}
		sys.Point("unit:reloaded")
	}
	if have, err = k.Observe(ctx, sys, name, want); err != nil {
		return err
	}
	if !have.found() {
		if !want.Enabled && !want.Active {
			return nil
		}
		return fmt.Errorf("cannot start %s: systemd knows no such unit; its file or package has to be installed first", name)
	}
	if err := enable(ctx, sys, name, want.Enabled, have); err != nil {
		return err
	}
	sys.Point("unit:enabled")
	return run(ctx, sys, name, want, have)
}

func mask(ctx context.Context, sys *system.System, name string, have State) error {
	if !have.stopped() {
		if err := sys.Units.Stop(ctx, name); err != nil {
			return err
		}
		sys.Point("unit:stopped")
	}
	if have.masked() {
		return nil
	}
	return sys.Units.Mask(ctx, name)
}

func enable(ctx context.Context, sys *system.System, name string, want bool, have State) error {
	switch {
	case want && !have.starts():
		return sys.Units.Enable(ctx, name)
	case !want && (have.Enabled == "enabled" || have.Enabled == "enabled-runtime" || have.Enabled == "indirect"):
		return sys.Units.Disable(ctx, name)
	}
	return nil
}

func run(ctx context.Context, sys *system.System, name string, want Spec, have State) error {
	switch {
	case !want.Active && !have.stopped():
		return sys.Units.Stop(ctx, name)
	case !want.Active || have.running(want.NoWait):
		return nil
	}
	if have.Active == "failed" { // its start limit may be used up
		if err := sys.Units.ResetFailed(ctx, name); err != nil {
			return err
		}
	}
	sys.Point("unit:starting " + name)
	if want.NoWait {
		return sys.Units.StartNoWait(ctx, name)
	}
	return sys.Units.Start(ctx, name)
}

// Restore brings back enabled and active as they were. A unit that was not
// there is stopped and disabled; its file goes with the file resource.
func (k kind) Restore(ctx context.Context, sys *system.System, name string, before State) error {
	have, err := k.Observe(ctx, sys, name, Spec{})
	if err != nil {
		return err
	}
	if before.masked() {
		// Behind a mask one cannot see whether it was enabled: ours is undone.
		if !have.masked() {
			if err := enable(ctx, sys, name, false, have); err != nil {
				return err
			}
			sys.Point("unit:disabled")
		}
		return mask(ctx, sys, name, have)
	}
	if have.masked() {
		if err := sys.Units.Unmask(ctx, name); err != nil {
			return err
		}
		sys.Point("unit:unmasked")
		if have, err = k.Observe(ctx, sys, name, Spec{}); err != nil {
			return err
		}
	}
	wasActive := before.found() && before.running(true)
	if !wasActive && !have.stopped() {
		if err := sys.Units.Stop(ctx, name); err != nil {
			return err
		}
		sys.Point("unit:stopped")
	}
	if !have.found() {
		return nil
	}
	if err := enable(ctx, sys, name, before.found() && before.starts(), have); err != nil {
		return err
	}
	sys.Point("unit:enabled")
	if wasActive && !have.running(true) {
		return sys.Units.Start(ctx, name)
	}
	return nil
}
