package lock

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/fleet"
	"provision/provision/inventory"
)

// Lock is what a run has of the cluster's locks.
type Lock struct {
	Fleet *fleet.Fleet
	// Holder names this operator to others: user@machine.
	Holder string
	// AllowMinority changes a cluster although most masters and etcd hosts are
	// skipped.
	AllowMinority bool
	// Patience is how long a run waits for locks that should be free soon; 0: 30 s.
	Patience time.Duration
	// Held is the lock that the run has.
	Held  *Holding
	queue queued
}

// Take takes the lock of masters and etcd hosts in sorted order, then of the
// others that the plan changes at once, with an epoch above all that were ever
// used. When one is taken, all are let go at once, so that of several operators
// the one that comes farthest in the order goes on. The context returned ends when
// too many of the locks are lost (see hold); release ends the watch over them.
func (l *Lock) Take(ctx context.Context, names []string, doing string) (held context.Context, epoch uint64, release func(), err error) {
	if err := l.majority(names); err != nil {
		return nil, 0, nil, err
	}
	params := api.LockParams{Holder: l.Holder, Doing: doing}
	for _, m := range l.Fleet.Members {
		params.Epoch = max(params.Epoch, m.Facts.Owned.Epoch)
	}
	params.Epoch++
	if l.Fleet.Decision.Identity != nil {
		params.UUID = l.Fleet.Decision.Identity.UUID
	}
	if err := l.lockAll(ctx, names, params); err != nil {
		err = l.awaitLock(ctx, err)
		l.Fleet.Close()
		return nil, 0, nil, err
	}
	l.queue = queued{}
	held, release = l.hold(ctx, names)
	return held, params.Epoch, release, nil
}

func (l *Lock) lockAll(ctx context.Context, names []string, params api.LockParams) error {
	keepers, others := l.Fleet.Split(names)
	take := func(name string) error { return l.take(ctx, name, params) }
	for _, name := range keepers {
		if err := take(name); err != nil {
			return asUnlockable(ctx, map[string]error{name: err})
		}
	}
	return asUnlockable(ctx, fleet.Each(others, take))
}

func (l *Lock) take(ctx context.Context, name string, params api.LockParams) error {
	m := l.Fleet.Members[name]
	params.Seen = &m.Facts.Owned.Epoch
	result, err := api.Lock.Call(ctx, m.Agent, params)
	switch {
	case err != nil:
		return LockFailed(name, err)
	case result.Granted && !m.Facts.Locked:
		return nil
	case result.Granted, result.Holder == "":
		return &overtakenError{name}
	}
	return &LockedError{Host: name, Holder: result.Holder, Doing: result.Doing, Since: result.Since,
		Silent: result.Silent, Free: result.Free, Brief: result.Brief}
}

// majority refuses a run that does not reach most of the hosts that hold the
// cluster's lock, among those of the inventory and among those that belonged to
// the cluster before: of two operators who are cut off from each other, one at
// most gets on.
func (l *Lock) majority(names []string) error {
	if l.AllowMinority {
		return nil
	}
	have := map[string]bool{}
	for _, name := range names {
		have[name] = true
	}
	for _, all := range [][]string{l.listedKeepers(), l.knownKeepers()} {
		missing := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return have[name] })
		if len(all) == 0 || len(missing)*2 < len(all) {
			continue
		}
		if bad := l.Fleet.NotFit(missing); (len(missing)-len(bad))*2 < len(all) {
			return fmt.Errorf("cannot change cluster %q: %d of its %d masters and etcd hosts cannot be used (%s), for the reasons above; fix those and run the same command again. Nothing was changed",
				l.Fleet.Inventory.Cluster.Name, len(bad), len(all), strings.Join(bad, ", "))
		}
		return fmt.Errorf("cannot change cluster %q: %d of its %d masters and etcd hosts are skipped (%s), and another operator may be changing it through them; "+
			"bring them back, or add --allow-minority if you know that nobody else is at work",
			l.Fleet.Inventory.Cluster.Name, len(missing), len(all), strings.Join(missing, ", "))
	}
	return nil
}

// listedKeepers are the masters and etcd hosts of the inventory.
func (l *Lock) listedKeepers() []string {
	var names []string
	for _, h := range l.Fleet.Inventory.Hosts {
		if h.Keeper() {
			names = append(names, h.Name)
		}
	}
	return names
}

// knownKeepers are those of the roster that still are masters or etcd hosts. The
// others have nothing to say: their removal is planned.
func (l *Lock) knownKeepers() []string {
	known := l.Fleet.Known()
	return slices.DeleteFunc(l.listedKeepers(), func(name string) bool {
		roles := known[name].Roles
		return !slices.Contains(roles, string(inventory.RoleMaster)) && !slices.Contains(roles, string(inventory.RoleEtcd))
	})
}
