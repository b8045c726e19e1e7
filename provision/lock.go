package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/fleet"
	"provision/provision/inventory"
)

// lock takes the lock of masters and etcd hosts in sorted order, then of the
// others that the plan changes at once, with an epoch above all that were ever
// used. When one is taken, all are let go at once, so that of several operators
// the one that comes farthest in the order goes on. The context returned ends when
// too many of the locks are lost (see hold); release ends the watch over them.
func (o *Operator) lock(ctx context.Context, names []string, doing string) (held context.Context, epoch uint64, release func(), err error) {
	if err := o.majority(names); err != nil {
		return nil, 0, nil, err
	}
	params := api.LockParams{Holder: o.Holder, Doing: doing}
	for _, m := range o.fleet.Members {
		params.Epoch = max(params.Epoch, m.Facts.Owned.Epoch)
	}
	params.Epoch++
	if o.decision.Identity != nil {
		params.UUID = o.decision.Identity.UUID
	}
	if err := o.lockAll(ctx, names, params); err != nil {
		err = o.awaitLock(ctx, err)
		o.fleet.Close()
		return nil, 0, nil, err
	}
	o.queue = queue{}
	held, release = o.hold(ctx, names)
	return held, params.Epoch, release, nil
}

func (o *Operator) lockAll(ctx context.Context, names []string, params api.LockParams) error {
	keepers, others := o.split(names)
	take := func(name string) error { return o.take(ctx, name, params) }
	for _, name := range keepers {
		if err := take(name); err != nil {
			return asUnfit(ctx, map[string]error{name: err})
		}
	}
	return asUnfit(ctx, fleet.Each(others, take))
}

// split tells the hosts that hold the cluster's lock from the others, in sorted
// order.
func (o *Operator) split(names []string) (keepers, others []string) {
	for _, name := range slices.Sorted(slices.Values(names)) {
		if o.fleet.Members[name].Host.Keeper() {
			keepers = append(keepers, name)
		} else {
			others = append(others, name)
		}
	}
	return keepers, others
}

// keepers are the hosts that answered and hold lock, roster and history.
func (o *Operator) keepers() []string {
	keepers, _ := o.split(o.fleet.Names())
	return keepers
}

func (o *Operator) take(ctx context.Context, name string, params api.LockParams) error {
	m := o.fleet.Members[name]
	params.Seen = &m.Facts.Owned.Epoch
	result, err := m.Agent.Lock(ctx, params)
	switch {
	case err != nil:
		return lockFailed(name, err)
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
func (o *Operator) majority(names []string) error {
	if o.AllowMinority {
		return nil
	}
	have := map[string]bool{}
	for _, name := range names {
		have[name] = true
	}
	for _, all := range [][]string{o.listedKeepers(), o.knownKeepers()} {
		missing := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return have[name] })
		if len(all) == 0 || len(missing)*2 < len(all) {
			continue
		}
		if bad := o.notFit(missing); (len(missing)-len(bad))*2 < len(all) {
			return fmt.Errorf("cannot change cluster %q: %d of its %d masters and etcd hosts are not fit (%s), for the reasons above; mend those and run the same command again. Nothing was changed",
				o.Inventory.Cluster.Name, len(bad), len(all), strings.Join(bad, ", "))
		}
		return fmt.Errorf("cannot change cluster %q: %d of its %d masters and etcd hosts take no part (%s), and another operator who reaches them could be changing it; "+
			"bring them back, or, if you know that nobody else is at work, add --allow-minority",
			o.Inventory.Cluster.Name, len(missing), len(all), strings.Join(missing, ", "))
	}
	return nil
}

// listedKeepers are the masters and etcd hosts of the inventory.
func (o *Operator) listedKeepers() []string {
	var names []string
	for _, h := range o.Inventory.Hosts {
		if h.Keeper() {
			names = append(names, h.Name)
		}
	}
	return names
}

// knownKeepers are those of the roster that still are masters or etcd hosts. The
// others have nothing to say: their removal is planned.
func (o *Operator) knownKeepers() []string {
	known := o.fleet.Known()
	return slices.DeleteFunc(o.listedKeepers(), func(name string) bool {
		roles := known[name].Roles
		return !slices.Contains(roles, string(inventory.RoleMaster)) && !slices.Contains(roles, string(inventory.RoleEtcd))
	})
}
