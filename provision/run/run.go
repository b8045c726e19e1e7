package run

import (
	"context"
	"slices"
	"time"

	"provision/provision/agent/api"
	"provision/provision/engine"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/lock"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/survey"
)

// PerHost bounds the steps under way at once on a host, most of which wait for
// an artifact to arrive; perAgent bounds those that its agent works on. Starts
// of units wait for one another, so it must not be small.
const (
	PerHost  = 256
	perAgent = 12
)

// Grace is how long steps under way may go on after an interrupt.
const Grace = 10 * time.Second

// Outcome is how an apply ended.
type Outcome struct {
	Plan   *plan.Plan
	Result engine.Result
}

// Runner executes plans of one run.
type Runner struct {
	*survey.Surveyor
	Lock      *lock.Lock
	Operation Operation
	Steady    time.Duration // see steady; 0: that

	progress      survey.Progress
	rosterWritten time.Time // when this run wrote the roster last
}

// New is a runner of what a surveyor plans.
func New(surveyor *survey.Surveyor, held *lock.Lock, operation Operation, steady time.Duration) *Runner {
	return &Runner{Surveyor: surveyor, Lock: held, Operation: operation, Steady: steady, progress: survey.Progress{Done: map[resource.Address]bool{}}}
}

// Concerned are the hosts that a plan writes to: those with steps, and those
// that keep identity and roster. Identity is written to all.
func (rn *Runner) Concerned(p *plan.Plan) []string {
	if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Address.Kind == plan.IdentityKind && s.Address.IsCluster() }) {
		return rn.Fleet.Names()
	}
	changed := p.Touches()
	return slices.DeleteFunc(rn.Fleet.Names(), func(name string) bool {
		return !changed[name] && !rn.Fleet.Members[name].Host.Keeper()
	})
}

// Run does what a plan says.
func (rn *Runner) Run(ctx context.Context, s *survey.Survey, p *plan.Plan, epoch uint64) engine.Result {
	rn.Fleet.Emit(event.Event{Type: event.PhaseStarted, Text: "Applying " + event.Count(len(p.Steps), "step")})
	if err := rn.Keys.CompleteBirth(ctx, epoch); err != nil {
		rn.Fleet.Emit(event.Event{Type: event.Warning, Text: "completing the cluster's identity: " + err.Error()})
	}
	rn.noteReboots(p)
	if err := rn.writeRoster(ctx, s); err != nil {
		rn.Fleet.Emit(event.Event{Type: event.Warning, Text: err.Error()})
	}
	transfers := rn.startUploads(ctx, s, p)
	defer transfers.close()
	work := NewSteps(rn, s, epoch, transfers, rn.awaited(s, p))
	work.drainedFor = drainedFor(s, p)
	result := engine.Run(ctx, p, engine.Env{Do: work.Do, Sink: rn.Fleet.Sink, Now: rn.Fleet.Now, PerHost: PerHost, Grace: Grace})
	if err := rn.finishRebuilds(ctx, s, result, work.forgotten); err != nil {
		rn.Fleet.Emit(event.Event{Type: event.Warning, Text: "noting the end of a rebuild: " + err.Error()})
	}
	return result
}

// awaited are the hosts on which something changes and whose Nodes must be
// Ready afterwards.
func (rn *Runner) awaited(s *survey.Survey, p *plan.Plan) []string {
	changed := p.Touches()
	var names []string
	for _, h := range rn.Fleet.Answered(rn.Fleet.Inventory) {
		if h.Joins() && changed[h.Name] {
			names = append(names, h.Name)
		}
	}
	return names
}

// Commit lets the agents compact their ledgers and drop what is not used.
func (rn *Runner) Commit(ctx context.Context, locked []string) {
	errs := fleet.Each(locked, func(name string) error { return api.Commit.Do(ctx, rn.Fleet.Members[name].Agent, api.Empty{}) })
	for name, err := range errs {
		rn.Fleet.Emit(event.Event{Type: event.Warning, Host: name, Text: "tidying up after the run: " + err.Error()})
	}
}
