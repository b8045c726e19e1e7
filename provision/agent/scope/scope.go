package scope

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// stopTime is how long processes of an older session may take to end before
// systemd kills them. On cgroup v1 nobody tells it that they are gone, so that
// it waits once more.
const stopTime = 5 * time.Second

// enterTime bounds the whole.
const enterTime = 3 * stopTime

// pattern is the name of every session's scope.
const pattern = "provision-*.scope"

var ours = regexp.MustCompile(`^provision-[0-9]+\.scope$`)

// Scope is the running process's.
type Scope struct{ pid int }

// New is the scope of the process with this id and its later children.
func New(pid int) Scope { return Scope{pid: pid} }

// Enter stops the scopes of older sessions, waits until they are empty, and
// moves the process into one of its own. Without systemd it does nothing; where
// a scope cannot be had, the session works without.
func (s Scope) Enter(ctx context.Context, epoch uint64) error {
	ctx, cancel := context.WithTimeout(ctx, enterTime)
	defer cancel()
	conn, err := dbus.NewSystemdConnectionContext(ctx)
	if err != nil {
		return nil //nolint:nilerr // no systemd: nothing could have been left in a scope
	}
	defer conn.Close()
	if err := stopOlder(ctx, conn); err != nil {
		return err
	}
	properties := []dbus.Property{
		dbus.PropDescription(fmt.Sprintf("provision, epoch %d", epoch)),
		dbus.PropPids(uint32(s.pid)), //nolint:gosec // process ids are positive
		property("TimeoutStopUSec", uint64(stopTime/time.Microsecond)),
		property("CollectMode", "inactive-or-failed"),
	}
	done := make(chan string, 1)
	name := fmt.Sprintf("provision-%d.scope", epoch)
	if _, err := conn.StartTransientUnitContext(ctx, name, "fail", properties, done); err == nil {
		_ = await(ctx, done, "entering scope "+name)
	}
	return nil
}

func stopOlder(ctx context.Context, conn *dbus.Conn) error {
	units, err := conn.ListUnitsByPatternsContext(ctx, []string{"active", "deactivating"}, []string{pattern})
	if err != nil {
		return fmt.Errorf("looking for older sessions: %w", err)
	}
	for _, unit := range units {
		if !ours.MatchString(unit.Name) {
			continue
		}
		done := make(chan string, 1)
		if _, err := conn.StopUnitContext(ctx, unit.Name, "replace", done); err != nil {
			return fmt.Errorf("ending older session %s: %w", unit.Name, err)
		}
		if err := await(ctx, done, "ending older session "+unit.Name); err != nil {
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
