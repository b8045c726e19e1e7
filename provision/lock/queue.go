package lock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"provision/provision/agent/api"
	"provision/provision/event"
	"provision/provision/fleet"
)

// LockedError says that another operator changes the cluster.
type LockedError struct {
	Host   string        // whose lock it has
	Holder string        // user@machine
	Doing  string        // what for
	Since  time.Time     // zero: just now
	Silent time.Duration // since the host heard of it
	Free   time.Duration // how soon the lock is free if that goes on
	Brief  bool          // it only needs the lock for a moment
	Waited time.Duration // that this run has waited for it
}

// Error implements error.
func (e *LockedError) Error() string {
	text := fmt.Sprintf("cannot change host %s: %s holds its lock", e.Host, e.Holder)
	if !e.Since.IsZero() {
		text += " since " + e.Since.Local().Format(time.DateTime)
	}
	if e.Doing != "" {
		text += " (" + e.Doing + ")"
	}
	if e.Silent > api.Quiet {
		text += fmt.Sprintf(", was last heard %d s ago", int(e.Silent.Seconds()))
	}
	if e.Waited > 0 {
		text += fmt.Sprintf("; this run waited %d s", int(e.Waited.Seconds()))
	}
	return text + "; wait for that run to end. The lock of a run that died is free within seconds"
}

// ends reports whether the lock is worth waiting for: its holder is likely dead,
// or only needs it for a moment.
func (e *LockedError) ends() bool { return e.Brief || e.Silent > api.Quiet }

// waiting is what is said meanwhile.
func (e *LockedError) waiting(patience time.Duration) string {
	who := e.Holder
	if e.Doing != "" {
		who += " (" + e.Doing + ")"
	}
	if e.Brief {
		return fmt.Sprintf("Waiting for the lock of host %s: %s needs it for a moment; for at most %d s", e.Host, who, seconds(patience))
	}
	return fmt.Sprintf("Waiting for the lock of host %s: %s was last heard %d s ago; unless it is heard again, the lock is free in at most %d s",
		e.Host, who, int(e.Silent.Seconds()), seconds(e.Free))
}

// seconds rounds up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// overtakenError says that another run had a host's lock after this one had
// looked at it, and has let it go.
type overtakenError struct{ host string }

// Error implements error.
func (e *overtakenError) Error() string {
	return fmt.Sprintf("cannot change host %s: another run changed it meanwhile; run the same command again", e.host)
}

// OvertakenError says that the hosts must be read again, because others had
// their locks. It never leaves this package.
type OvertakenError struct{ err error }

// Error implements error.
func (e *OvertakenError) Error() string { return e.err.Error() }

// Unwrap implements errors.
func (e *OvertakenError) Unwrap() error { return e.err }

// lockPatience bounds how long a run waits in all for locks that should be free
// soon.
const lockPatience = 30 * time.Second

// turns is how often a run lets others overtake it.
const turns = 3

// queued is what a run went through for its locks.
type queued struct {
	began     time.Time // of the first wait
	overtaken int
}

// awaitLock waits for a lock that ends soon, as far as one can tell. No other lock
// is kept meanwhile, and nothing that was seen before counts any more: the
// error is then that everything must be read again. All others it returns
// as they are.
func (l *Lock) awaitLock(ctx context.Context, err error) error {
	var overtaken *overtakenError
	var locked *LockedError
	switch {
	case errors.As(err, &locked) && locked.ends():
	case errors.As(err, &overtaken) && l.queue.overtaken < turns:
		l.queue.overtaken++
		l.Fleet.Emit(event.Event{Type: event.Note, Host: overtaken.host, Text: "Another run changed host " + overtaken.host + " meanwhile; reading all hosts again"})
		return &OvertakenError{err}
	default:
		return err
	}
	patience := l.Patience
	if patience == 0 {
		patience = lockPatience
	}
	if l.queue.began.IsZero() {
		l.queue.began = time.Now()
	}
	locked.Waited = time.Since(l.queue.began)
	left := patience - locked.Waited
	if left <= 0 {
		return err
	}
	others := slices.DeleteFunc(l.Fleet.Names(), func(name string) bool { return name == locked.Host })
	fleet.Each(others, func(name string) error { return l.Fleet.Members[name].Agent.Close() })
	l.Fleet.Emit(event.Event{Type: event.Note, Host: locked.Host, Text: locked.waiting(left)})
	if awaited := api.Await.Do(ctx, l.Fleet.Members[locked.Host].Agent, api.AwaitParams{Brief: locked.Brief, Within: left}); awaited != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	return &OvertakenError{err}
}
