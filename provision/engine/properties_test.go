package engine_test

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/plan"
	"provision/test/faults"
)

// Random hosts and random wishes, with the real kinds and the real agent: how
// many of each.
const cases = 50

func all(t *testing.T, run func(t *testing.T, seed uint64, dir string)) {
	t.Helper()
	base := folder(t)
	for seed := range uint64(cases) {
		dir, err := os.MkdirTemp(base, "case-")
		require.NoError(t, err)
		run(t, seed, dir)
		require.NoError(t, os.RemoveAll(dir))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func made(t *testing.T, machines []*machine, want wish) {
	t.Helper()
	p, result := converge(t, machines, want)
	require.NoError(t, result.Err(), "%+v", result.Failed)
	require.Equal(t, len(p.Steps), result.Done)
}

func quiet(t *testing.T, machines []*machine, want wish) {
	t.Helper()
	p, _ := converge(t, machines, want)
	assert.True(t, p.Empty(), "%+v", p.Steps)
}

var pair = []string{"a", "b"}

func TestGeneratedApplyLeavesNothingAndUndoGivesBackWhatStood(t *testing.T) {
	steps, sequences := 0, 0
	all(t, func(t *testing.T, seed uint64, dir string) {
		r := rand.New(rand.NewPCG(seed, 2))
		machines := prepare(t, dir, seed, pair)
		before := tree(t, machines)
		for range 1 + r.IntN(3) {
			want := generate(r, pair)
			p, result := converge(t, machines, want)
			require.NoError(t, result.Err(), "%+v", result.Failed)
			steps += len(p.Steps)
			sequences++
			quiet(t, machines, shuffled(r, want))
		}
		made(t, machines, wish{})
		quiet(t, machines, wish{})
		assert.Equal(t, before, tree(t, machines))
	})
	faults.Record(t, "plan-fixed-point", "a plan after an apply is empty, whatever the order of what is wanted; and when nothing is wanted any more, what was on the hosts before is back",
		"random hosts, random sequences of random wishes; real kinds, agent, planner and engine", "%d cases of two hosts, %d wishes, %d steps", cases, sequences, steps)
}

func TestGeneratedCrashesConverge(t *testing.T) {
	died := 0
	all(t, func(t *testing.T, seed uint64, dir string) {
		r := rand.New(rand.NewPCG(seed, 3))
		whole, killed := prepare(t, dir+"/whole", seed, pair), prepare(t, dir+"/killed", seed, pair)
		before := tree(t, killed)
		for _, want := range []wish{generate(r, pair), generate(r, pair), {}} {
			made(t, whole, want)
			for range 1 + r.IntN(2) { // it may die again on its way
				killed[r.IntN(2)].dies = int64(1 + r.IntN(40))
				_, result := converge(t, killed, shuffled(r, want))
				if result.Err() != nil {
					died++
				}
			}
			made(t, killed, want)
			quiet(t, killed, want)
			assert.Equal(t, tree(t, whole), tree(t, killed))
		}
		assert.Equal(t, before, tree(t, killed))
	})
	require.Greater(t, died, cases)
	faults.Record(t, "plan-crash", "killed at any point and applied again, hosts are as after a run that was not killed", "random hosts, wishes and kill points, some twice in a row; real kinds, agent, planner and engine",
		"%d cases of two hosts, %d runs died at a kill point, all converged", cases, died)
}

// A host that fails stops what depends on it, and nothing else.
func TestGeneratedFailedHostsBlockNoOther(t *testing.T) {
	others := 0
	all(t, func(t *testing.T, seed uint64, dir string) {
		r := rand.New(rand.NewPCG(seed, 4))
		names := []string{"a", "b", "c"}
		machines := prepare(t, dir, seed, names)
		want := generate(r, names)
		machines[0].down = r.IntN(2) == 0
		if !machines[0].down {
			machines[0].dies = int64(1 + r.IntN(20))
		}
		_, result := converge(t, machines, want)
		for _, f := range result.Failed {
			assert.Equal(t, "a", f.Address.Host, "%v", f.Err)
		}
		for _, s := range result.Skipped {
			assert.Equal(t, "a", s.Address.Host, s.Cause)
			assert.NotEmpty(t, s.Cause)
		}
		rest := machines[1:]
		quiet(t, rest, wish{"b": want["b"], "c": want["c"]})
		others += len(rest)
		machines[0].down = false
		made(t, machines, want)
		quiet(t, machines, want)
	})
	faults.Record(t, "plan-failed-host", "a host that is down, or dies meanwhile, blocks no other", "one of three random hosts is down or dies at a random point",
		"%d cases: %d other hosts were finished in the same run", cases, others)
}

// The same wishes in another order are the same plan, step by step.
func TestGeneratedOrderDoesNotMatter(t *testing.T) {
	all(t, func(t *testing.T, seed uint64, dir string) {
		r := rand.New(rand.NewPCG(seed, 5))
		one, two := prepare(t, dir+"/one", seed, pair), prepare(t, dir+"/two", seed, pair)
		want := generate(r, pair)
		first, result := converge(t, one, want)
		require.NoError(t, result.Err())
		second, result := converge(t, two, shuffled(r, want))
		require.NoError(t, result.Err())
		assert.ElementsMatch(t, steps(first), steps(second))
		assert.Equal(t, tree(t, one), tree(t, two))
	})
}

func steps(p *plan.Plan) []string {
	var list []string
	for _, s := range p.Steps {
		list = append(list, s.Address.String()+" "+string(s.Action)+" "+string(s.Act))
	}
	return list
}
