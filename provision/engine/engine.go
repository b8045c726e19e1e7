package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"provision/provision/event"
	"provision/provision/plan"
	"provision/provision/resource"
)

// Env is what steps act on.
type Env struct {
	// Do runs one step of the plan and returns when it is done.
	Do func(ctx context.Context, step plan.Step) error
	// Sink hears of everything.
	Sink event.Sink
	// Now is the clock.
	Now func() time.Time
	// PerHost bounds the steps under way at once on a host.
	PerHost int
	// Grace is how long steps under way may go on after a cancel.
	Grace time.Duration
}

// Result says how a run ended.
type Result struct {
	Done    int
	Failed  []Failure
	Skipped []Skip
}

// Failure is a step that failed.
type Failure struct {
	Address resource.Address
	Err     error
}

// Skip is a step that was not started, and why.
type Skip struct {
	Address resource.Address `json:"address"`
	Cause   string           `json:"cause"`
}

// Err is nil when every step was done.
func (r Result) Err() error {
	switch {
	case len(r.Failed) > 0:
		return fmt.Errorf("%d of %d steps failed, %d were not started",
			len(r.Failed), r.Done+len(r.Failed)+len(r.Skipped), len(r.Skipped))
	case len(r.Skipped) > 0:
		return fmt.Errorf("stopped with %s not started", event.Count(len(r.Skipped), "step"))
	}
	return nil
}

// Undone are the steps that failed or were not started.
func (r Result) Undone() map[resource.Address]bool {
	undone := map[resource.Address]bool{}
	for _, f := range r.Failed {
		undone[f.Address] = true
	}
	for _, s := range r.Skipped {
		undone[s.Address] = true
	}
	return undone
}

// ErrInterrupted is the cause of skips after a cancel.
var ErrInterrupted = errors.New("interrupted")

type state int

const (
	waiting state = iota
	running
	done
	failed
)

type finished struct {
	address resource.Address
	err     error
	took    time.Duration
}

type run struct {
	env     Env
	steps   map[resource.Address]plan.Step
	order   []resource.Address
	states  map[resource.Address]state
	missing map[resource.Address]int                // hard requirements left
	met     map[resource.Address]int                // of a gate
	bad     map[resource.Address]int                // of a gate, failed
	next    map[resource.Address][]resource.Address // edges forward, hard
	counted map[resource.Address][]resource.Address // edges forward, into gates
	ready   map[string][]resource.Address           // by host, the critical path first
	depths  map[resource.Address]int
	busy    map[string]int
	active  int
	ended   chan finished
	result  Result
	stopped bool
}

// Run runs the plan. It returns when all steps have ended or were skipped;
// after a cancel, when those under way have ended or Grace is over.
func Run(ctx context.Context, p *plan.Plan, env Env) Result {
	r := newRun(p, env)
	stepCtx, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	interrupted := ctx.Done()
	var grace <-chan time.Time
	r.startReady(stepCtx)
	for r.active > 0 {
		select {
		case f := <-r.ended:
			r.finish(f)
			r.startReady(stepCtx)
		case <-interrupted:
			interrupted = nil
			r.stopped = true
			timer := time.NewTimer(env.Grace)
			defer timer.Stop()
			grace = timer.C
		case <-grace:
			grace = nil
			abort()
		}
	}
	r.skipRest(ctx.Err() != nil)
	return r.result
}

func newRun(p *plan.Plan, env Env) *run {
	r := &run{env: env,
		steps: map[resource.Address]plan.Step{}, states: map[resource.Address]state{},
		missing: map[resource.Address]int{}, met: map[resource.Address]int{}, bad: map[resource.Address]int{},
		next: map[resource.Address][]resource.Address{}, counted: map[resource.Address][]resource.Address{},
		ready: map[string][]resource.Address{}, busy: map[string]int{},
		ended: make(chan finished), depths: p.Depths(),
	}
	for _, s := range p.Steps {
		r.steps[s.Address] = s
		r.order = append(r.order, s.Address)
		r.missing[s.Address] = len(s.Requires)
		r.met[s.Address] = s.Met
		for _, a := range s.Requires {
			r.next[a] = append(r.next[a], s.Address)
		}
		for _, a := range s.Of {
			r.counted[a] = append(r.counted[a], s.Address)
		}
	}
	for _, a := range r.order {
		r.consider(a)
	}
	return r
}

// consider makes a step ready once nothing is missing any more.
func (r *run) consider(a resource.Address) {
	s := r.steps[a]
	settled := !s.Settle || r.met[a]-s.Met+r.bad[a] == len(s.Of)
	if r.states[a] == waiting && r.missing[a] == 0 && r.met[a] >= s.Need && settled {
		r.states[a] = running
		list := r.ready[a.Host]
		at, _ := slices.BinarySearchFunc(list, r.depths[a]-1, func(queued resource.Address, depth int) int {
			return depth - r.depths[queued]
		})
		r.ready[a.Host] = slices.Insert(list, at, a)
	}
}

func (r *run) startReady(ctx context.Context) {
	if r.stopped {
		return
	}
	for host, list := range r.ready {
		for len(list) > 0 && (r.busy[host] < r.env.PerHost || host == resource.ClusterHost) {
			r.start(ctx, list[0])
			list = list[1:]
		}
		r.ready[host] = list
	}
}

func (r *run) start(ctx context.Context, a resource.Address) {
	r.busy[a.Host]++
	r.active++
	step := r.steps[a]
	r.env.Sink(event.Event{Time: r.env.Now(), Type: event.StepStarted, Host: a.Host, Address: &a, Action: string(step.Action)})
	go func() {
		begun := r.env.Now()
		err := r.env.Do(ctx, step)
		r.ended <- finished{a, err, r.env.Now().Sub(begun)}
	}()
}

func (r *run) finish(f finished) {
	a := f.address
	r.busy[a.Host]--
	r.active--
	e := event.Event{Time: r.env.Now(), Type: event.StepDone, Host: a.Host, Address: &a,
		Action: string(r.steps[a].Action), Took: f.took}
	if f.err != nil {
		r.states[a] = failed
		r.result.Failed = append(r.result.Failed, Failure{a, f.err})
		e.Type, e.Text = event.StepFailed, f.err.Error()
		r.env.Sink(e)
		r.fail(a, a)
		return
	}
	r.states[a] = done
	r.result.Done++
	r.env.Sink(e)
	for _, n := range r.next[a] {
		r.missing[n]--
		r.consider(n)
	}
	for _, n := range r.counted[a] {
		r.met[n]++
		r.consider(n)
	}
}

// fail skips what can no longer be reached; root is the step that failed.
func (r *run) fail(a, root resource.Address) {
	for _, n := range r.next[a] {
		r.skip(n, root)
	}
	for _, n := range r.counted[a] {
		r.bad[n]++
		s := r.steps[n]
		if s.Met+len(s.Of)-r.bad[n] < s.Need {
			r.skip(n, root)
		} else {
			r.consider(n)
		}
	}
}

func (r *run) skip(a, root resource.Address) {
	if r.states[a] != waiting {
		return
	}
	r.states[a] = failed
	r.skipped(a, root.String()+" failed")
	r.fail(a, root)
}

func (r *run) skipped(a resource.Address, cause string) {
	r.result.Skipped = append(r.result.Skipped, Skip{a, cause})
	r.env.Sink(event.Event{Time: r.env.Now(), Type: event.StepSkipped, Host: a.Host, Address: &a,
		Action: string(r.steps[a].Action), Text: cause})
}

// skipRest accounts for steps that never became ready, so that none is lost.
func (r *run) skipRest(interrupted bool) {
	cause := "what it requires did not happen"
	if interrupted {
		cause = ErrInterrupted.Error()
	}
	for _, a := range r.order {
		if r.states[a] == waiting {
			r.skipped(a, cause)
		}
	}
	for _, list := range r.ready {
		for _, a := range list {
			r.skipped(a, cause)
		}
	}
}
