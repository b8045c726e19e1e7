package lock

import (
	"context"
	"errors"
	"fmt"

	"provision/provision/agent/api"
	"provision/provision/fleet"
)

// UnlockableError says which hosts answered and could not be locked for a reason of
// their own: a full disk, or they stopped answering.
type UnlockableError struct{ Hosts map[string]error }

// Error implements error.
func (e *UnlockableError) Error() string { return fleet.InOrder(e.Hosts).Error() }

// asUnlockable tells hosts that cannot be locked, which the run can do without,
// from refusals: somebody else is at work, or the host is another cluster's.
func asUnlockable(ctx context.Context, errs map[string]error) error {
	if len(errs) == 0 {
		return nil
	}
	for _, err := range errs {
		var broken *brokenError
		if ctx.Err() != nil || !errors.As(err, &broken) {
			return fleet.InOrder(errs)
		}
	}
	return &UnlockableError{errs}
}

// brokenError is why a host could not be locked when nobody refused it.
type brokenError struct{ err error }

// Error implements error.
func (e *brokenError) Error() string {
	return fmt.Sprintf("cannot lock it: %v; fix that and run the same command again", e.err)
}

// Unwrap implements errors.
func (e *brokenError) Unwrap() error { return e.err }

// LockFailed is the error of a call that did not say who has the lock.
func LockFailed(host string, err error) error {
	var typed *api.Error
	if errors.As(err, &typed) && typed.Code != api.CodeFailed && typed.Code != api.CodeInternal {
		return fmt.Errorf("locking host %s: %w", host, err)
	}
	return &brokenError{err}
}
