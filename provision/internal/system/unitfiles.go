package system

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/coreos/go-systemd/v22/dbus"
)

// UnitError is a job that systemd ran and that failed. Log is the end of the
// unit's journal.
type UnitError struct {
	Unit    string
	Message string
	Log     string
}

// Error is the message with the log below it.
func (e *UnitError) Error() string {
	if e.Log == "" {
		return e.Message
	}
	return e.Message + "\n" + e.Log
}

func (u *systemdUnits) Enable(ctx context.Context, unit string) error {
	return u.edit("enabling", unit, func(conn *dbus.Conn) error {
		_, _, err := conn.EnableUnitFilesContext(ctx, []string{unit}, false, true)
		return err
	})
}

func (u *systemdUnits) Disable(ctx context.Context, unit string) error {
	return u.edit("disabling", unit, func(conn *dbus.Conn) error {
		_, err := conn.DisableUnitFilesContext(ctx, []string{unit}, false)
		return err
	})
}

func (u *systemdUnits) Mask(ctx context.Context, unit string) error {
	return u.change(ctx, "masking", unit, func(conn *dbus.Conn) error {
		_, err := conn.MaskUnitFilesContext(ctx, []string{unit}, false, false)
		return err
	})
}

func (u *systemdUnits) Unmask(ctx context.Context, unit string) error {
	return u.change(ctx, "unmasking", unit, func(conn *dbus.Conn) error {
		_, err := conn.UnmaskUnitFilesContext(ctx, []string{unit}, false)
		return err
	})
}

// edit changes links below /etc/systemd/system. They count from the next start
// of the host on; that systemd reads them now can wait for Settle, for each
// reload also runs every generator.
func (u *systemdUnits) edit(verb, unit string, edit func(*dbus.Conn) error) error {
	conn, err := u.connect()
	if err != nil {
		return err
	}
	u.mutex.Lock()
	if u.edited == nil {
		u.edited = map[string]bool{}
	}
	u.edited[unit] = true
	u.mutex.Unlock()
	if err := edit(conn); err != nil {
		return fmt.Errorf("%s %s: %w", verb, unit, err)
	}
	return nil
}

// change is edit for what must count at once (systemctl does the same).
func (u *systemdUnits) change(ctx context.Context, verb, unit string, edit func(*dbus.Conn) error) error {
	if err := u.edit(verb, unit, edit); err != nil {
		return err
	}
	return u.DaemonReload(ctx)
}

func (u *systemdUnits) isEdited(unit string) bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.edited[unit]
}

// Settle reloads when something was enabled or disabled since the last reload.
func (u *systemdUnits) Settle(ctx context.Context) error {
	u.mutex.Lock()
	edited := u.edited
	u.edited = nil
	u.mutex.Unlock()
	if len(edited) == 0 {
		return nil
	}
	return u.DaemonReload(ctx)
}

func (u *systemdUnits) DaemonReload(ctx context.Context) error {
	conn, err := u.connect()
	if err != nil {
		return err
	}
	if err := u.reloads.do(func() error { return conn.ReloadContext(ctx) }); err != nil {
		return fmt.Errorf("reloading systemd's units: %w", err)
	}
	return nil
}

func (u *systemdUnits) ResetFailed(ctx context.Context, unit string) error {
	conn, err := u.connect()
	if err != nil {
		return err
	}
	if err := conn.ResetFailedUnitContext(ctx, unit); err != nil {
		return fmt.Errorf("resetting %s: %w", unit, err)
	}
	return nil
}

// reloads joins requests: whoever asks while one runs shares the next one with
// everybody else who asks by then. Reading all units anew costs 50 ms and more.
type reloads struct {
	running sync.Mutex

	mutex    sync.Mutex
	started  int
	finished int // last that ended without error
}

func (r *reloads) do(reload func() error) error {
	r.mutex.Lock()
	needed := r.started + 1 // one that starts after now
	r.mutex.Unlock()
	r.running.Lock()
	defer r.running.Unlock()
	r.mutex.Lock()
	if r.finished >= needed {
		r.mutex.Unlock()
		return nil
	}
	r.started++
	current := r.started
	r.mutex.Unlock()
	if err := reload(); err != nil {
		return err
	}
	r.mutex.Lock()
	r.finished = current
	r.mutex.Unlock()
	return nil
}

// absentUnits is a system without systemd.
type absentUnits struct{}

var errNoSystemd = errors.New("no systemd")

func (absentUnits) Status(context.Context, string) (UnitStatus, error) {
	return UnitStatus{}, errNoSystemd
}
func (absentUnits) Service(context.Context, string) (ServiceStatus, error) {
	return ServiceStatus{}, errNoSystemd
}
func (absentUnits) Start(context.Context, string) error       { return errNoSystemd }
func (absentUnits) StartNoWait(context.Context, string) error { return errNoSystemd }
func (absentUnits) Stop(context.Context, string) error        { return errNoSystemd }
func (absentUnits) Restart(context.Context, string) error     { return errNoSystemd }
func (absentUnits) Reload(context.Context, string) error      { return errNoSystemd }
func (absentUnits) Enable(context.Context, string) error      { return errNoSystemd }
func (absentUnits) Disable(context.Context, string) error     { return errNoSystemd }
func (absentUnits) Mask(context.Context, string) error        { return errNoSystemd }
func (absentUnits) Unmask(context.Context, string) error      { return errNoSystemd }
func (absentUnits) DaemonReload(context.Context) error        { return errNoSystemd }
func (absentUnits) ResetFailed(context.Context, string) error { return errNoSystemd }
