package provision

import (
	"context"
	"fmt"
	"strings"

	"provision/provision/care"
	"provision/provision/etcd"
	"provision/provision/event"
)

// ActOnNodes drains, cordons or uncordons; no apply does meanwhile.
func (o *Operator) ActOnNodes(ctx context.Context, c care.Action) ([]care.Outcome, error) {
	return small(ctx, o, o.fleet.Keepers, "node "+c.Act+" "+strings.Join(c.Hosts, " "), func(ctx context.Context, epoch uint64) ([]care.Outcome, error) {
		record := o.runner.RecordActs(ctx, epoch, c.Act, c.Hosts...)
		env, err := o.api.Env(ctx)
		var list []care.Outcome
		if err == nil {
			list, err = c.Do(ctx, env, o.note)
		}
		record.End(ctx, care.Result(c.Act, list), err)
		return list, err
	})
}

// Defragment writes etcd's databases anew, and ends the alarm NOSPACE.
func (o *Operator) Defragment(ctx context.Context, d etcd.Defragment) (out etcd.Defragmented, err error) {
	d.Told = o.note
	return small(ctx, o, o.fleet.Keepers, "etcd defrag", func(ctx context.Context, epoch uint64) (out etcd.Defragmented, err error) {
		keep, err := o.api.Upkeep(ctx)
		if err != nil {
			return out, err
		}
		if d.DryRun {
			return d.Run(ctx, keep)
		}
		return out, o.runner.Recorded(ctx, epoch, "defrag", "etcd", func() error { out, err = d.Run(ctx, keep); return err })
	})
}

func (o *Operator) note(text string) { o.fleet.Emit(event.Event{Type: event.Note, Text: text}) }

// small does something that needs no plan, under the locks of hosts of a cluster
// that exists.
func small[T any](ctx context.Context, o *Operator, hosts func() []string, doing string, do func(ctx context.Context, epoch uint64) (T, error)) (T, error) {
	return retryLocks(o, func() (none T, err error) {
		if err := o.fleet.Identify(ctx); err != nil {
			return none, err
		}
		if o.fleet.Decision.Identity == nil {
			return none, fmt.Errorf("cannot run %s: cluster %q does not exist yet; create it with: provision apply", doing, o.fleet.Inventory.Cluster.Name)
		}
		ctx, epoch, release, err := o.lock.Take(ctx, hosts(), doing)
		if err != nil {
			return none, err
		}
		defer release()
		return do(ctx, epoch)
	})
}
