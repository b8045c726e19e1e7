package scope

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"provision/provision/internal/names"
	"provision/provision/internal/proc"
)

// pattern is the name of every session's scope.
const pattern = "provision-*.scope"

func ours(unit string) bool {
	rest, is := strings.CutPrefix(unit, "provision-")
	number, scope := strings.CutSuffix(rest, ".scope")
	return is && scope && names.Number(number, 20)
}

func unitName(epoch uint64) string { return fmt.Sprintf("provision-%d.scope", epoch) }

// systemd is a connection to the host's.
type systemd struct{ *dbus.Conn }

func connect(ctx context.Context) (systemd, error) {
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	return systemd{conn}, err
}

// start moves the process into a new scope, if it can be had.
func (d systemd) start(ctx context.Context, name string, pid int) {
	properties := []dbus.Property{
		dbus.PropDescription("provision, while it changes this host"),
		dbus.PropPids(uint32(pid)), //nolint:gosec // process ids are positive
		{Name: "CollectMode", Value: godbus.MakeVariant("inactive-or-failed")},
	}
	done := make(chan string, 1)
	if _, err := d.StartTransientUnitContext(ctx, name, "fail", properties, done); err == nil {
		_ = await(ctx, done, "entering "+name)
	}
}

// attach moves the process into the scope, if it is there.
func (d systemd) attach(ctx context.Context, name string, pid int) {
	_ = d.AttachProcessesToUnit(ctx, name, "", []uint32{uint32(pid)}) //nolint:gosec // process ids are positive
}

// scopes are those of sessions.
func (d systemd) scopes(ctx context.Context) ([]string, error) {
	units, err := d.ListUnitsByPatternsContext(ctx, []string{"active", "deactivating", "failed"}, []string{pattern})
	if err != nil {
		return nil, fmt.Errorf("looking for older sessions: %w", err)
	}
	var names []string
	for _, unit := range units {
		if ours(unit.Name) {
			names = append(names, unit.Name)
		}
	}
	return names, nil
}

// end asks the processes of a scope to end, kills those that have not in time,
// waits until all are gone, and removes the scope. Suspended processes are never
// resumed: they are killed as they are.
func (d systemd) end(ctx context.Context, name string, grace time.Duration) error {
	folder := d.cgroup(ctx, name)
	if folder == "" {
		return nil // it is gone
	}
	if pids := members(folder); len(pids) > 0 && grace > 0 {
		_ = d.KillUnitWithTarget(ctx, name, dbus.All, int32(unix.SIGTERM)) // what it misses is killed below
		asked, cancel := context.WithTimeout(ctx, grace)
		_ = gone(asked, pids)
		cancel()
	}
	for pids := members(folder); len(pids) > 0; pids = members(folder) {
		_ = d.KillUnitWithTarget(ctx, name, dbus.All, int32(unix.SIGKILL)) // gone tells whether it worked
		if err := gone(ctx, pids); err != nil {
			return fmt.Errorf("ending older session %s: %w", name, err)
		}
	}
	done := make(chan string, 1)
	if _, err := d.StopUnitContext(ctx, name, "replace", done); err != nil {
		var said godbus.Error
		if errors.As(err, &said) && said.Name == "org.freedesktop.systemd1.NoSuchUnit" {
			return nil
		}
		return fmt.Errorf("ending older session %s: %w", name, err)
	}
	return await(ctx, done, "ending older session "+name)
}

// cgroup is the folder of a scope's processes, "" when there is none.
func (d systemd) cgroup(ctx context.Context, name string) string {
	property, err := d.GetUnitTypePropertyContext(ctx, name, "Scope", "ControlGroup")
	if err != nil {
		return ""
	}
	group, _ := property.Value.Value().(string)
	if group == "" {
		return ""
	}
	for _, mount := range []string{"/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(mount + group + "/cgroup.procs"); err == nil {
			return mount + group
		}
	}
	return ""
}

// members are the processes of a group, without those that have ended.
func members(folder string) []int {
	raw, err := os.ReadFile(folder + "/cgroup.procs")
	if err != nil {
		return nil // the group goes with its last process
	}
	var pids []int
	for line := range strings.Lines(string(raw)) {
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 1 && proc.Alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// gone waits until all have ended.
func gone(ctx context.Context, pids []int) error {
	for _, pid := range pids {
		if err := proc.Wait(ctx, pid); err != nil {
			return err
		}
	}
	return nil
}

func await(ctx context.Context, done <-chan string, what string) error {
	select {
	case result := <-done:
		if result != "done" {
			return fmt.Errorf("%s: the job ended with %q", what, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
}
