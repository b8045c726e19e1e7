package provision

import (
	"errors"
	"maps"

	"provision/provision/lock"
)

// startOver forgets what was seen, so that the next look leaves the hosts out
// by the same rules as hosts that do not answer.
func (o *Operator) startOver(hosts map[string]error) {
	if o.fleet.Aside == nil {
		o.fleet.Aside = map[string]error{}
	}
	maps.Copy(o.fleet.Aside, hosts)
	o.access.Close()
}

// retryLocks does something that needs locks until it gets them or is refused:
// without the hosts that cannot be locked, and each time with a new look.
func retryLocks[T any](o *Operator, do func() (T, error)) (T, error) {
	for {
		out, err := do()
		var unlockable *lock.UnlockableError
		var overtaken *lock.OvertakenError
		switch {
		case errors.As(err, &unlockable):
			o.startOver(unlockable.Hosts)
		case errors.As(err, &overtaken):
			o.startOver(nil)
		default:
			return out, err
		}
	}
}
