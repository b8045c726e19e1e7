package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"provision/provision/component"
	"provision/provision/engine"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/removal"
)

// perHost bounds the steps under way at once on a host, most of which wait for
// an artifact to arrive; perAgent bounds those that its agent works on. Starts
// of units wait for one another, so it must not be small.
const (
	perHost  = 256
	perAgent = 12
)

// grace is how long steps under way may go on after an interrupt.
const grace = 10 * time.Second

// Plan says what an apply would do. It changes nothing on any host but puts
// the agent there.
func (o *Operator) Plan(ctx context.Context) (*plan.Plan, error) {
	s, err := o.look(ctx)
	if err != nil {
		return nil, err
	}
	p, err := o.plan(s)
	if err == nil {
		o.foresee(ctx, s, p)
	}
	return p, err
}

func (o *Operator) plan(s *survey) (*plan.Plan, error) {
	in := plan.Input{
		Cluster: o.fleet.Inventory.Cluster.Name, Target: o.fleet.Target(), Inventory: o.keys.InventoryDigest(),
		Now: o.fleet.Now(), Graph: s.graph, Hosts: s.hosts, Objects: s.objects, Warnings: s.warn,
		Environment: o.fleet.Inventory.Cluster.Environment, Removals: o.removals(),
	}
	if o.fleet.Decision.Identity != nil {
		in.UUID = o.fleet.Decision.Identity.UUID
	}
	if !o.keys.Formed() {
		for _, h := range o.fleet.Answered(o.fleet.Inventory) {
			if h.Has(inventory.RoleEtcd) {
				in.Forming = append(in.Forming, component.MemberAt(h.Name))
			}
		}
	}
	if s.reformed != nil {
		in.EtcdWas, in.EtcdIs = s.reformed.Was, s.reformed.Is
		in.Warnings = append(in.Warnings, fmt.Sprintf("etcd is not the cluster %s that this cluster had, but %s: its data were restored from a snapshot. What was changed after the snapshot was taken is lost; apply records the new one", s.reformed.Was, s.reformed.Is))
	}
	in.Leaving, in.Rollout, in.Anew = o.leaves(), o.rollout(), o.anew(s)
	in.Snapshots, in.Narrow = o.snapshots(s), o.Task.Scope().Narrow
	if s.ledgerErr != nil {
		return nil, fmt.Errorf("cannot tell what leaves the cluster: %w", s.ledgerErr)
	}
	in.Ledger = s.ledger
	only := o.Task.Limit(o, s, &in)
	if only == nil {
		only = o.Targets
	}
	var err error
	if in.Targets, err = plan.ParseTargets(only, in); err != nil {
		return nil, err
	}
	p := plan.Build(in)
	return p, o.upgrades(s, p)
}

// removals are what this run takes away from the cluster because the inventory
// does. Hosts that are named one by one are not a mistake in it.
func (o *Operator) removals() removal.Set {
	if o.Task.Scope().Narrow {
		return removal.Set{}
	}
	known := o.fleet.Known()
	return removal.Of(slices.Collect(maps.Values(known)), o.fleet.Inventory)
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

// Outcome is how an apply ended.
type Outcome struct {
	Plan   *plan.Plan
	Result engine.Result
}

// Apply locks the hosts, plans, asks, and does it. What approve sees is exactly
// what is done: the locks are held meanwhile. Hosts that answer but cannot be
// locked, because their disk is full or they are dying, take no part, like those
// that do not answer.
func (o *Operator) Apply(ctx context.Context, approve Approve) (*Outcome, error) {
	for {
		outcome, err := persist(o, func() (*Outcome, error) { return o.apply(ctx, approve) })
		if err != nil || !o.more(outcome) {
			return outcome, err
		}
	}
}

func (o *Operator) apply(ctx context.Context, approve Approve) (*Outcome, error) {
	s, err := o.look(ctx)
	if err != nil {
		return nil, err
	}
	p, err := o.plan(s)
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
		return &Outcome{Plan: p}, incomplete(p)
	}
	locked := o.concerned(p)
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
	outcome := &Outcome{Plan: p}
	record := o.record(ctx, p, epoch)
	outcome.Result = o.run(ctx, s, p, epoch)
	if ctx.Err() == nil {
		o.commit(ctx, locked)
	}
	cordoned := o.stillCordoned(ctx, s, p, outcome.Result)
	if err = errors.Join(outcome.Result.Err(), cordoned, incomplete(p)); ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), cordoned)
	}
	record.end(ctx, outcome.Result, err)
	return outcome, err
}

// concerned are the hosts that a plan writes to: those with steps, and those
// that keep identity and roster. Identity is written to all.
func (o *Operator) concerned(p *plan.Plan) []string {
	if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Address.Kind == plan.IdentityKind && s.Address.IsCluster() }) {
		return o.fleet.Names()
	}
	changed := p.Touches()
	return slices.DeleteFunc(o.fleet.Names(), func(name string) bool {
		return !changed[name] && !o.fleet.Members[name].Host.Keeper()
	})
}

// again compares once more under the locks when the first look was without.
// Hosts rarely move in these milliseconds; when they did, the plan is new.
func (o *Operator) again(ctx context.Context, before *plan.Plan, s *survey, locked []string) (*plan.Plan, *survey, error) {
	o.compare(ctx, s, locked)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	p, err := o.plan(s)
	if err != nil {
		return nil, nil, err
	}
	o.foresee(ctx, s, p)
	if p.Hash() != before.Hash() {
		o.fleet.Emit(event.Event{Type: event.Note, Text: "The hosts changed while this run took their locks; the plan was made anew"})
	}
	return p, s, nil
}

func (o *Operator) run(ctx context.Context, s *survey, p *plan.Plan, epoch uint64) engine.Result {
	o.fleet.Emit(event.Event{Type: event.PhaseStarted, Text: "Applying " + event.Count(len(p.Steps), "step")})
	if err := o.keys.CompleteBirth(ctx, epoch); err != nil {
		o.fleet.Emit(event.Event{Type: event.Warning, Text: "completing the cluster's identity: " + err.Error()})
	}
	o.noteReboots(p)
	if err := o.writeRoster(ctx, s); err != nil {
		o.fleet.Emit(event.Event{Type: event.Warning, Text: err.Error()})
	}
	transfers := o.startUploads(ctx, s, p)
	defer transfers.close()
	work := newSteps(o, s, epoch, transfers, o.awaited(s, p))
	work.drainedFor = drainedFor(s, p)
	result := engine.Run(ctx, p, engine.Env{Do: work.do, Sink: o.fleet.Sink, Now: o.fleet.Now, PerHost: perHost, Grace: grace})
	if err := o.finishRebuilds(ctx, s, result, work.forgotten); err != nil {
		o.fleet.Emit(event.Event{Type: event.Warning, Text: "noting the end of a rebuild: " + err.Error()})
	}
	return result
}

// awaited are the hosts on which something changes and whose Nodes must be
// Ready afterwards.
func (o *Operator) awaited(s *survey, p *plan.Plan) []string {
	changed := p.Touches()
	var names []string
	for _, h := range o.fleet.Answered(o.fleet.Inventory) {
		if h.Joins() && changed[h.Name] {
			names = append(names, h.Name)
		}
	}
	return names
}

// commit lets the agents compact their ledgers and drop what is not used.
func (o *Operator) commit(ctx context.Context, locked []string) {
	errs := fleet.Each(locked, func(name string) error { return o.fleet.Members[name].Agent.Commit(ctx) })
	for name, err := range errs {
		o.fleet.Emit(event.Event{Type: event.Warning, Host: name, Text: "tidying up after the run: " + err.Error()})
	}
}

// incomplete is the error of a run in which hosts took no part.
func incomplete(p *plan.Plan) error {
	var list []error
	for _, h := range p.Hosts {
		if h.Error != "" && p.Concerns(h.Name) {
			list = append(list, fmt.Errorf("host %s took no part: %s", h.Name, h.Error))
		}
	}
	return errors.Join(list...)
}
