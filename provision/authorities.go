package provision

import (
	"context"
	"fmt"

	"provision/provision/authority"
)

// RenewAuthorities gives the authorities that are due a later certificate for
// the same key and tells it to all hosts that answer; the others learn it with
// the next apply. approve is asked first. It needs neither API nor etcd. What
// programs read is for the apply that follows.
func (o *Operator) RenewAuthorities(ctx context.Context, approve func([]authority.Authority) (bool, error)) error {
	_, err := retryLocks(o, func() (struct{}, error) { return struct{}{}, o.renewAuthorities(ctx, approve) })
	return err
}

func (o *Operator) renewAuthorities(ctx context.Context, approve func([]authority.Authority) (bool, error)) error {
	if err := o.fleet.Identify(ctx); err != nil {
		return err
	}
	defer o.fleet.Close()
	due := o.keys.Due()
	if len(due) == 0 {
		return nil
	}
	for _, a := range due {
		if len(o.keys.Holders(a.Name+".key")) == 0 {
			return fmt.Errorf("cannot renew authority %q: no host that holds its key answered; bring one up", a.Name)
		}
	}
	// Who missed a phase of a rotation is told everything by the next apply.
	var members []string
	for _, name := range o.fleet.Names() {
		if known := o.fleet.Members[name].Facts.Owned.Identity; known != nil && known.Generation == o.fleet.Decision.Identity.Generation {
			members = append(members, name)
		}
	}
	ctx, epoch, release, err := o.lock.Take(ctx, members, "certs renew")
	if err != nil {
		return err
	}
	defer release()
	switch ok, err := approve(due); {
	case err != nil:
		return err
	case !ok:
		return ErrDeclined
	}
	return o.runner.Recorded(ctx, epoch, "authorities", "renew", func() error { return o.keys.RenewAll(ctx, epoch, due, members) })
}
