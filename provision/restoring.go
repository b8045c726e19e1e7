package provision

import (
	"context"

	"provision/provision/restore"
	"provision/provision/survey"
)

// Restore brings etcd's data back from a backup. It goes in parts, and how far it
// is stands in the ledgers: killed anywhere, the same command finishes it.
func (o *Operator) Restore(ctx context.Context, request restore.Request, approve func(*restore.Plan) (bool, error)) error {
	r := &restore.Restorer{Runner: o.runner, Request: request}
	o.surveyor.Store = restore.With(o.surveyor.Store, request.File)
	if _, err := retryLocks(o, func() (none struct{}, err error) { return none, o.begin(ctx, r, approve) }); err != nil {
		return err
	}
	for _, part := range r.Parts() {
		if err := o.part(ctx, survey.Restoring{Units: part.Units}); err != nil {
			return err
		}
		o.fleet.Close()
		o.startOver(nil)
		if _, err := small(ctx, o, o.fleet.Names, "etcd restore", func(ctx context.Context, epoch uint64) (none struct{}, err error) { return none, part.Then(ctx, epoch) }); err != nil {
			return err
		}
	}
	return o.part(ctx, survey.Converge{})
}

// begin does what comes before the first part.
func (o *Operator) begin(ctx context.Context, r *restore.Restorer, approve func(*restore.Plan) (bool, error)) error {
	p, err := r.Look(ctx)
	if err != nil {
		return err
	}
	if err := agreed(approve(p)); err != nil {
		return err
	}
	ctx, epoch, release, err := o.lock.Take(ctx, o.fleet.Names(), "etcd restore")
	if err != nil {
		return err
	}
	defer release()
	return o.runner.Recorded(ctx, epoch, "restore", "etcd", func() error { return r.Begin(ctx, p, epoch) })
}

// part applies what a task is about.
func (o *Operator) part(ctx context.Context, task survey.Task) error {
	o.surveyor.Task = task
	o.fleet.Close()
	o.startOver(nil)
	_, err := o.Apply(ctx, restore.Silent)
	return err
}
