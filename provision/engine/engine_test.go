package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"provision/provision/event"
	"provision/provision/plan"
	"provision/provision/resource"
)

func at(host string, n int) resource.Address {
	return resource.Address{Host: host, Kind: "file", Name: fmt.Sprint(n)}
}

func env(do func(context.Context, plan.Step) error) Env {
	return Env{Do: do, Sink: event.Discard, Now: time.Now, PerHost: 4, Grace: time.Minute}
}

// Any plan: a step starts only after all it requires, each step ends exactly
// once, and a failure stops exactly what depends on it.
func TestRunKeepsOrderAndAccountsForEveryStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "steps")
		p := &plan.Plan{}
		broken := map[resource.Address]bool{}
		for i := range n {
			s := plan.Step{Address: at(rapid.SampledFrom([]string{"a", "b", "cluster"}).Draw(t, "host"), i)}
			for j := range i {
				if rapid.IntRange(0, 4).Draw(t, "edge") == 0 {
					s.Requires = append(s.Requires, p.Steps[j].Address)
				}
			}
			broken[s.Address] = rapid.IntRange(0, 9).Draw(t, "broken") == 0
			p.Steps = append(p.Steps, s)
		}
		unreachable := map[resource.Address]bool{}
		want := 0
		for _, s := range p.Steps {
			for _, a := range s.Requires {
				if broken[a] || unreachable[a] {
					unreachable[s.Address] = true
				}
			}
			if !unreachable[s.Address] && !broken[s.Address] {
				want++
			}
		}
		var mu sync.Mutex
		ended := map[resource.Address]bool{}
		result := Run(context.Background(), p, env(func(_ context.Context, s plan.Step) error {
			mu.Lock()
			defer mu.Unlock()
			for _, a := range s.Requires {
				if !ended[a] {
					t.Fatalf("%s started before %s ended", s.Address, a)
				}
			}
			if broken[s.Address] {
				return errors.New("broken")
			}
			ended[s.Address] = true
			return nil
		}))
		if result.Done != want || result.Done+len(result.Failed)+len(result.Skipped) != n {
			t.Fatalf("%d done, %d failed, %d skipped of %d; wanted %d done",
				result.Done, len(result.Failed), len(result.Skipped), n, want)
		}
		for _, s := range result.Skipped {
			if !unreachable[s.Address] {
				t.Fatalf("%s was skipped for no reason", s.Address)
			}
		}
	})
}

func TestGateNeedsAQuorumOnly(t *testing.T) {
	gate := resource.Address{Host: "cluster", Kind: "gate", Name: "etcd"}
	after := at("a", 9)
	build := func(met int) *plan.Plan {
		return &plan.Plan{Steps: []plan.Step{
			{Address: at("a", 1)}, {Address: at("b", 1)}, {Address: at("c", 1)},
			{Address: gate, Action: plan.Wait, Of: []resource.Address{at("a", 1), at("b", 1), at("c", 1)}, Need: 2, Met: met},
			{Address: after, Requires: []resource.Address{gate}},
		}}
	}
	failing := func(hosts ...string) func(context.Context, plan.Step) error {
		return func(_ context.Context, s plan.Step) error {
			for _, h := range hosts {
				if s.Address.Host == h && s.Address.Name == "1" {
					return errors.New("broken")
				}
			}
			return nil
		}
	}
	require.Empty(t, Run(context.Background(), build(0), env(failing("c"))).Skipped)
	lost := Run(context.Background(), build(0), env(failing("b", "c")))
	require.Len(t, lost.Skipped, 2)
	require.Empty(t, Run(context.Background(), build(1), env(failing("b", "c"))).Skipped)
}

func TestSettlingGateStartsWhenAllHaveEnded(t *testing.T) {
	gate := resource.Address{Host: "cluster", Kind: "gate", Name: "nodes"}
	p := &plan.Plan{Steps: []plan.Step{
		{Address: at("a", 1)}, {Address: at("b", 1)}, {Address: at("b", 2), Requires: []resource.Address{at("b", 1)}},
		{Address: gate, Action: plan.Wait, Of: []resource.Address{at("a", 1), at("b", 2)}, Need: 1, Settle: true},
	}}
	failed := make(chan struct{})
	result := Run(context.Background(), p, env(func(_ context.Context, s plan.Step) error {
		switch s.Address {
		case at("b", 1):
			close(failed)
			return errors.New("broken")
		case gate:
			select {
			case <-failed:
			default:
				return errors.New("started before all had ended")
			}
		}
		return nil
	}))
	require.Len(t, result.Failed, 1)
	require.Equal(t, 2, result.Done, "the gate counts the host that works")
	require.Len(t, result.Skipped, 1)
}

func TestCancelLetsRunningStepsEndAndStartsNoOther(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &plan.Plan{Steps: []plan.Step{{Address: at("a", 1)}, {Address: at("a", 2), Requires: []resource.Address{at("a", 1)}}}}
	result := Run(ctx, p, env(func(step context.Context, _ plan.Step) error {
		cancel()
		return step.Err()
	}))
	require.Equal(t, 1, result.Done)
	require.Equal(t, []Skip{{at("a", 2), "interrupted"}}, result.Skipped)
	require.Error(t, result.Err())
}

func TestCancelAbortsAStepThatOutlivesTheGrace(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &plan.Plan{Steps: []plan.Step{{Address: at("a", 1)}}}
	e := env(func(step context.Context, _ plan.Step) error {
		cancel()
		<-step.Done()
		return step.Err()
	})
	e.Grace = time.Millisecond
	result := Run(ctx, p, e)
	require.Len(t, result.Failed, 1)
}

func TestUndoneAreFailedAndSkippedSteps(t *testing.T) {
	result := Result{Done: 1, Failed: []Failure{{at("a", 1), errors.New("broken")}}, Skipped: []Skip{{at("b", 2), "a failed"}}}
	require.Equal(t, map[resource.Address]bool{at("a", 1): true, at("b", 2): true}, result.Undone())
	require.Empty(t, Result{Done: 3}.Undone())
}
