package systemfake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"provision/provision/internal/system"
)

const unitsFile = StateDir + "/units.json"

// Unit is the state of a unit.
type Unit struct {
	Enabled     bool
	Masked      bool
	Active      string // "" is inactive
	Invocations int
	Reloads     int
	Loaded      string // digest of the unit file when it was last read
	// Fail makes jobs that start the unit fail with this log.
	Fail string
	// Refuses is a setting that the unit cannot run with.
	Refuses Refusal
	// Service is what Units.Service answers.
	Service system.ServiceStatus
}

// Refusal is a setting that a unit does not run with: it ends, saying Log, while
// the file holds the text. One that Loops has been started before it ends, and is
// started again by systemd, again and again.
type Refusal struct {
	Path, Text, Log string
	Loops           bool
}

// refuses reports whether the unit ends with what is there.
func (u *Units) refuses(have *Unit) bool {
	if have.Refuses.Path == "" {
		return false
	}
	content, _ := os.ReadFile(filepath.Join(u.root, have.Refuses.Path))
	return strings.Contains(string(content), have.Refuses.Text)
}

// Refuse gives a unit a setting that it does not run with.
func (u *Units) Refuse(unit string, refusal Refusal) error {
	return u.edit(unit, func(have *Unit) error { have.Refuses = refusal; return nil })
}

// Units is an in-memory systemd over the unit files of a folder.
type Units struct {
	root  string
	point func(string)
}

var unitFolders = [...]string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// fragment finds a unit's file and digests it with its drop-ins.
func (u *Units) fragment(unit string) (path, digest string) {
	hash := sha256.New()
	for _, folder := range unitFolders {
		name := filepath.Join(u.root, folder, unit)
		if content, err := os.ReadFile(name); err == nil && path == "" {
			path = filepath.Join(folder, unit)
			hash.Write(content)
		}
		dropins, _ := filepath.Glob(name + ".d/*.conf")
		for _, dropin := range dropins {
			content, _ := os.ReadFile(dropin)
			hash.Write(content)
		}
	}
	return path, hex.EncodeToString(hash.Sum(nil))
}

// lock keeps everybody else away from the units, who may have opened the same host
// too: an agent whose session has ended, and the test that breaks a unit.
func (u *Units) lock() (unlock func()) {
	dir := filepath.Dir(filepath.Join(u.root, unitsFile))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return func() {}
	}
	file, err := os.Open(dir)
	if err != nil {
		return func() {}
	}
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	return func() { _ = file.Close() }
}

// edit changes a unit under the lock and keeps it, also when its job failed.
func (u *Units) edit(unit string, change func(*Unit) error) error {
	defer u.lock()()
	all, err := load[map[string]*Unit](u.root, unitsFile)
	if err != nil {
		return err
	}
	if all == nil {
		all = map[string]*Unit{}
	}
	if all[unit] == nil {
		_, digest := u.fragment(unit)
		all[unit] = &Unit{Loaded: digest}
	}
	err = change(all[unit])
	return errors.Join(err, store(u.root, unitsFile, all))
}

// All returns the units that are not in their first state.
func (u *Units) All() map[string]Unit {
	defer u.lock()()
	all, _ := load[map[string]*Unit](u.root, unitsFile)
	out := map[string]Unit{}
	for name, unit := range all {
		if unit.Enabled || unit.Masked || unit.Active != "" {
			out[name] = Unit{Enabled: unit.Enabled, Masked: unit.Masked, Active: unit.Active}
		}
	}
	return out
}

// Set puts a unit into a state.
func (u *Units) Set(unit string, state Unit) error {
	return u.edit(unit, func(have *Unit) error {
		state.Loaded = have.Loaded
		*have = state
		return nil
	})
}

// Break lets all jobs of a unit fail with this log; none fixes it.
func (u *Units) Break(unit, log string) error {
	return u.edit(unit, func(have *Unit) error { have.Fail = log; return nil })
}

// Status implements system.Units. Like systemd it loads a unit it never saw,
// which changes nothing that lasts.
func (u *Units) Status(_ context.Context, unit string) (system.UnitStatus, error) {
	defer u.lock()()
	all, err := load[map[string]*Unit](u.root, unitsFile)
	if err != nil {
		return system.UnitStatus{}, err
	}
	path, digest := u.fragment(unit)
	status := system.UnitStatus{LoadState: "loaded", ActiveState: "inactive", SubState: "dead", UnitFileState: "disabled", FragmentPath: path}
	have := all[unit]
	if have == nil {
		have = &Unit{Loaded: digest}
	}
	if have.Active == "active" && have.Refuses.Loops && u.refuses(have) {
		have.Invocations++
		status.Since = time.Now()
		if err := store(u.root, unitsFile, all); err != nil {
			return system.UnitStatus{}, err
		}
	}
	if have.Active != "" {
		status.ActiveState, status.SubState = have.Active, "running"
	}
	if have.Invocations > 0 {
		status.InvocationID = fmt.Sprintf("%032x", have.Invocations)
	}
	switch {
	case have.Masked:
		status.LoadState, status.UnitFileState = "masked", "masked"
	case path == "":
		status.LoadState, status.UnitFileState = "not-found", ""
	case have.Enabled:
		status.UnitFileState = "enabled"
	}
	status.NeedReload = have.Loaded != digest && path != ""
	return status, nil
}

// Service implements system.Units.
func (u *Units) Service(_ context.Context, unit string) (system.ServiceStatus, error) {
	defer u.lock()()
	all, err := load[map[string]*Unit](u.root, unitsFile)
	if err != nil || all[unit] == nil {
		return system.ServiceStatus{}, err
	}
	return all[unit].Service, nil
}

func (u *Units) start(unit string, again bool) error {
	defer u.point("fake:started")
	return u.edit(unit, func(have *Unit) error {
		path, _ := u.fragment(unit)
		switch {
		case path == "":
			return fmt.Errorf("starting %s: Unit %s not found", unit, unit)
		case have.Masked:
			return fmt.Errorf("starting %s: Unit %s is masked", unit, unit)
		case have.Fail != "":
			have.Active = "failed"
			have.Invocations++
			return &system.UnitError{Unit: unit, Message: "starting " + unit + ": job failed", Log: have.Fail}
		case u.refuses(have) && !have.Refuses.Loops:
			have.Active = "activating"
			have.Invocations++
			return &system.UnitError{Unit: unit, Message: "starting " + unit + ": job failed", Log: have.Refuses.Log}
		case have.Active == "active" && !again:
			return nil
		}
		have.Active = "active"
		have.Invocations++
		return nil
	})
}

// Start implements system.Units.
func (u *Units) Start(_ context.Context, unit string) error { return u.start(unit, false) }

// StartNoWait implements system.Units.
func (u *Units) StartNoWait(_ context.Context, unit string) error { return u.start(unit, false) }

// Restart implements system.Units.
func (u *Units) Restart(_ context.Context, unit string) error { return u.start(unit, true) }

// Stop implements system.Units.
func (u *Units) Stop(_ context.Context, unit string) error {
	return u.edit(unit, func(have *Unit) error { have.Active = ""; return nil })
}

// Reload implements system.Units.
func (u *Units) Reload(_ context.Context, unit string) error {
	return u.edit(unit, func(have *Unit) error {
		if have.Active != "active" {
			return fmt.Errorf("reloading %s: unit is not active", unit)
		}
		have.Reloads++
		return nil
	})
}

// Enable implements system.Units.
func (u *Units) Enable(_ context.Context, unit string) error {
	return u.edit(unit, func(have *Unit) error {
		if path, _ := u.fragment(unit); path == "" {
			return fmt.Errorf("enabling %s: unit file does not exist", unit)
		}
		have.Enabled = true
		return nil
	})
}

// Disable implements system.Units.
func (u *Units) Disable(_ context.Context, unit string) error {
	return u.edit(unit, func(have *Unit) error { have.Enabled = false; return nil })
}

// Mask implements system.Units.
func (u *Units) Mask(_ context.Context, unit string) error {
	return u.edit(unit, func(have *Unit) error {
		if path, _ := u.fragment(unit); strings.HasPrefix(path, "/etc/") {
			return fmt.Errorf("masking %s: file %s already exists", unit, path)
		}
		have.Masked = true
		return nil
	})
}

// Unmask implements system.Units.
func (u *Units) Unmask(_ context.Context, unit string) error {
	return u.edit(unit, func(have *Unit) error { have.Masked = false; return nil })
}

// ResetFailed implements system.Units.
func (u *Units) ResetFailed(_ context.Context, unit string) error {
	return u.edit(unit, func(have *Unit) error {
		if have.Active == "failed" {
			have.Active = ""
		}
		return nil
	})
}

// DaemonReload implements system.Units.
func (u *Units) DaemonReload(context.Context) error {
	defer u.lock()()
	all, err := load[map[string]*Unit](u.root, unitsFile)
	if err != nil || all == nil {
		return err
	}
	for name, unit := range all {
		_, unit.Loaded = u.fragment(name)
	}
	u.point("fake:reloading")
	return store(u.root, unitsFile, all)
}
