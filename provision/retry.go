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

// persist does something that needs locks until nothing keeps it from them any
// more: without the hosts that cannot be locked, and each time with a new look.
func persist[T any](o *Operator, do func() (T, error)) (T, error) {
	for {
		out, err := do()
		var unfit *lock.UnfitError
		var anew *lock.AnewError
		switch {
		case errors.As(err, &unfit):
			o.startOver(unfit.Hosts)
		case errors.As(err, &anew):
			o.startOver(nil)
		default:
			return out, err
		}
	}
}
