package scope

import (
	"context"
	"errors"
	"fmt"
	"time"

	"provision/provision/internal/lease"
)

// stopTime is how long processes of an older session may take to end before
// they are killed.
const stopTime = 2 * time.Second

// enterTime bounds the whole.
const enterTime = 15 * time.Second

// Scope is this process's.
type Scope struct {
	leases   string // folder of leases
	programs string // folder of the agent's programs: no other process is ended
	self     lease.Process
}

// New is the scope of this process and its later children.
func New(leases, programs string) (Scope, error) {
	self, err := lease.Self()
	return Scope{leases: leases, programs: programs, self: self}, err
}

// Enter is called with the host's lock: it ends what older sessions left, waits
// until that is gone, and moves this process into a scope of its own. Where a
// scope cannot be had, the session works without.
func (s Scope) Enter(ctx context.Context, epoch uint64) error {
	ctx, cancel := context.WithTimeout(ctx, enterTime)
	defer cancel()
	if err := s.endOlder(ctx, epoch); err != nil {
		return err
	}
	d, err := connect(ctx)
	if err != nil {
		return nil //nolint:nilerr // no systemd: nothing could have been left in a scope
	}
	defer d.Close()
	names, err := d.scopes(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := d.end(ctx, name, stopTime); err != nil {
			return err
		}
	}
	d.start(ctx, unitName(epoch), s.self.ID)
	return nil
}

// endOlder ends processes of earlier holders of the lock. Those that only wait
// for it are left alone.
func (s Scope) endOlder(ctx context.Context, epoch uint64) error {
	entries, err := lease.List(s.leases)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Process.Running() {
			lease.Forget(s.leases, e)
			continue
		}
		if e.Epoch >= epoch || !e.Held && !e.Blobs {
			continue
		}
		if err := s.kill(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// End ends the process of a session that is over, suspended or not, and all
// that it started, and waits until they are gone.
func (s Scope) End(ctx context.Context, e lease.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, enterTime)
	defer cancel()
	err := s.kill(ctx, e)
	if err != nil || !e.Held { // else another session may have that epoch
		return err
	}
	d, err := connect(ctx)
	if err != nil {
		return nil //nolint:nilerr // no systemd, no scope
	}
	defer d.Close()
	return d.end(ctx, unitName(e.Epoch), 0)
}

func (s Scope) kill(ctx context.Context, e lease.Entry) error {
	if err := e.Process.Kill(ctx, s.programs); err != nil {
		return fmt.Errorf("ending an older session (epoch %d): %w", e.Epoch, err)
	}
	lease.Forget(s.leases, e)
	return nil
}

// ErrOver says that another session has taken over.
var ErrOver = errors.New("the session has ended, or another one has taken over")

// Join makes this process one of the session that holds the lock under the
// epoch, so that it ends with that session at the latest when the next begins.
// leave is called when its work is done.
func (s Scope) Join(ctx context.Context, epoch uint64) (leave func(), err error) {
	mine, err := lease.Add(s.leases, epoch, s.self, lease.State{Heard: lease.Clock(), Blobs: true})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			mine.End()
		}
	}()
	if d, err := connect(ctx); err == nil {
		d.attach(ctx, unitName(epoch), s.self.ID)
		d.Close()
	}
	// From here on the next session sees this process. Was there one already?
	entries, err := lease.List(s.leases)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Held && e.Epoch == epoch && !e.Expired(lease.Clock()) && e.Process.Running() {
			return mine.End, nil
		}
	}
	return nil, fmt.Errorf("receiving under epoch %d: %w", epoch, ErrOver)
}
