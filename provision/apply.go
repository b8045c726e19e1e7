package provision

import (
	"context"
	"errors"

	"provision/provision/event"
	"provision/provision/plan"
	"provision/provision/run"
	"provision/provision/survey"
)

// Plan says what an apply would do. It changes nothing on any host but puts
// the agent there.
func (o *Operator) Plan(ctx context.Context) (*plan.Plan, error) {
	s, err := o.surveyor.Look(ctx)
	if err != nil {
		return nil, err
	}
	p, err := o.surveyor.Plan(s)
	if err == nil {
		o.surveyor.Foresee(ctx, s, p)
	}
	return p, err
}

// Approve is asked before anything changes; false ends the run.
type Approve func(p *plan.Plan) (bool, error)

// ErrDeclined is returned when Approve said no.
var ErrDeclined = errors.New("the plan was not approved: nothing was changed")

// agreed is nil when the answer was yes.
func agreed(ok bool, err error) error {
	if err == nil && !ok {
		return ErrDeclined
	}
	return err
}

// Apply locks the hosts, plans, asks, and does it. What approve sees is exactly
// what is done: the locks are held meanwhile. Hosts that answer but cannot be
// locked, because their disk is full or they are dying, are skipped, like those
// that do not answer.
func (o *Operator) Apply(ctx context.Context, approve Approve) (*run.Outcome, error) {
	for {
		outcome, err := retryLocks(o, func() (*run.Outcome, error) { return o.apply(ctx, approve) })
		if err != nil || !o.more(outcome) {
			return outcome, err
		}
	}
}

func (o *Operator) apply(ctx context.Context, approve Approve) (*run.Outcome, error) {
	s, err := o.surveyor.Look(ctx)
	if err != nil {
		return nil, err
	}
	p, err := o.surveyor.Plan(s)
	if err == nil && p.Removals != nil {
		err = p.Removals.Allowed(o.AllowRemovals)
	}
	if err == nil {
		err = complete(p)
	}
	if err != nil {
		return nil, err
	}
	if p.Empty() {
		return &run.Outcome{Plan: p}, survey.Incomplete(p)
	}
	locked := o.runner.Concerned(p)
	ctx, epoch, release, err := o.lock.Take(ctx, locked, "apply, plan "+p.Hash()[:8])
	if err != nil {
		return nil, err
	}
	defer release()
	o.Point("locked")
	if p, s, err = o.again(ctx, p, s, locked); err != nil {
		return nil, err
	}
	if err := agreed(approve(p)); err != nil {
		return nil, err
	}
	outcome := &run.Outcome{Plan: p}
	record := o.runner.Record(ctx, p, epoch)
	outcome.Result = o.runner.Run(ctx, s, p, epoch)
	if ctx.Err() == nil {
		o.runner.Commit(ctx, locked)
	}
	cordoned := o.runner.StillCordoned(ctx, s, p, outcome.Result)
	if err = errors.Join(outcome.Result.Err(), cordoned, survey.Incomplete(p)); ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), cordoned)
	}
	record.End(ctx, outcome.Result, err)
	return outcome, err
}

// again compares once more under the locks when the first look was without.
// Hosts rarely move in these milliseconds; when they did, the plan is new.
func (o *Operator) again(ctx context.Context, before *plan.Plan, s *survey.Survey, locked []string) (*plan.Plan, *survey.Survey, error) {
	o.surveyor.Compare(ctx, s, locked)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	p, err := o.surveyor.Plan(s)
	if err != nil {
		return nil, nil, err
	}
	o.surveyor.Foresee(ctx, s, p)
	if p.Hash() != before.Hash() {
		o.fleet.Emit(event.Event{Type: event.Note, Text: "The hosts changed while this run took their locks; this is the new plan"})
	}
	return p, s, nil
}
