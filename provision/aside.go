package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"provision/provision/agent/api"
)

// unfitError says which hosts answered and could not be locked for a reason of
// their own: a full disk, or they stopped answering.
type unfitError struct{ hosts map[string]error }

// Error implements error.
func (e *unfitError) Error() string { return inOrder(e.hosts).Error() }

func inOrder(errs map[string]error) error {
	list := make([]error, 0, len(errs))
	for _, name := range slices.Sorted(maps.Keys(errs)) {
		list = append(list, errs[name])
	}
	return errors.Join(list...)
}

// asUnfit tells hosts that cannot be locked, which the run can do without,
// from refusals: somebody else is at work, or the host is another cluster's.
func asUnfit(ctx context.Context, errs map[string]error) error {
	if len(errs) == 0 {
		return nil
	}
	for _, err := range errs {
		var broken *brokenError
		if ctx.Err() != nil || !errors.As(err, &broken) {
			return inOrder(errs)
		}
	}
	return &unfitError{errs}
}

// brokenError is why a host could not be locked when nobody refused it.
type brokenError struct{ err error }

// Error implements error.
func (e *brokenError) Error() string {
	return fmt.Sprintf("cannot lock it: %v; mend that and run the same command again", e.err)
}

// Unwrap implements errors.
func (e *brokenError) Unwrap() error { return e.err }

// lockFailed is the error of a call that did not say who has the lock.
func lockFailed(host string, err error) error {
	var typed *api.Error
	if errors.As(err, &typed) && typed.Code != api.CodeFailed && typed.Code != api.CodeInternal {
		return fmt.Errorf("locking host %s: %w", host, err)
	}
	return &brokenError{err}
}

// startOver forgets what was seen, so that the next look leaves the hosts out
// by the same rules as hosts that do not answer.
func (o *Operator) startOver(hosts map[string]error) {
	if o.aside == nil {
		o.aside = map[string]error{}
	}
	maps.Copy(o.aside, hosts)
	o.access.close()
	o.access = newAccess(o)
	if o.Options.API == nil {
		o.api = o.access
	}
}
