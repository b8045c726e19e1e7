package plan_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"provision/provision/agent/api"
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
)

// part is a component with given resources.
type part struct {
	name    string
	rollout component.Rollout
	want    map[string][]resource.Resource // by host
}

func (p part) Name() string                                 { return p.name }
func (p part) Runs(*component.Cluster, inventory.Host) bool { return true }
func (p part) Artifacts(*component.Cluster) []bundle.Ref    { return nil }
func (p part) Rollout() component.Rollout                   { return p.rollout }
func (p part) Gate() component.Gate                         { return component.Gate{} }
func (p part) Desired(_ *component.Cluster, h inventory.Host) ([]resource.Resource, error) {
	return p.want[h.Name], nil
}

func graph(t require.TestingT, hosts []string, gates []desired.Gate, parts ...part) *desired.Graph {
	in := desired.Input{Cluster: &component.Cluster{}, Gates: gates}
	for _, p := range parts {
		in.Components = append(in.Components, p)
	}
	for _, h := range hosts {
		in.Hosts = append(in.Hosts, inventory.Host{Name: h})
	}
	g, err := desired.Build(in)
	require.NoError(t, err)
	return g
}

func file(host, name string) resource.Resource    { return resource.New(host, "file", name, 1) }
func service(host, name string) resource.Resource { return resource.New(host, "unit", name, 1) }

// differs is a host's answer: these resources differ, these units run.
func differs(running []string, list ...resource.Resource) plan.Observed {
	seen := plan.Observed{Result: api.PlanResult{Running: running, Digest: fmt.Sprint(len(list))}}
	for _, r := range list {
		seen.Result.Items = append(seen.Result.Items, api.PlanItem{ID: r.Address.ID(), Changes: []resource.Change{{Field: "content", Old: "a", New: "b"}}})
	}
	return seen
}

func build(g *desired.Graph, hosts map[string]plan.Observed) *plan.Plan {
	return plan.Build(plan.Input{Cluster: "dc1", UUID: "u1", Target: "the real hosts", Now: time.Unix(1, 0).UTC(), Graph: g, Hosts: hosts})
}

func find(t *testing.T, p *plan.Plan, a resource.Address) plan.Step {
	t.Helper()
	i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Address == a })
	require.GreaterOrEqual(t, i, 0, "%s is not in the plan", a)
	return p.Steps[i]
}

func TestTwoChangedInputsRestartOnce(t *testing.T) {
	one, two, svc := file("m1", "/one").Restarting("a.service"), file("m1", "/two").Reloading("a.service"), service("m1", "a.service")
	g := graph(t, []string{"m1"}, nil, part{"a", component.Parallel, map[string][]resource.Resource{"m1": {one, two, svc}}})
	p := build(g, map[string]plan.Observed{"m1": differs([]string{"a.service"}, one, two)})
	require.Len(t, p.Steps, 3)
	s := find(t, p, svc.Address)
	assert.Equal(t, plan.Restart, s.Act, "a restart wins over a reload")
	assert.ElementsMatch(t, []resource.Address{one.Address, two.Address}, s.Causes)
	assert.ElementsMatch(t, []resource.Address{one.Address, two.Address}, s.Requires)

	p = build(g, map[string]plan.Observed{"m1": differs(nil, one, two)})
	assert.Len(t, p.Steps, 2, "what does not run is not restarted")
}

func TestAnOpenRecordIsAPendingRestart(t *testing.T) {
	conf, svc := file("m1", "/one").Restarting("a.service"), service("m1", "a.service")
	g := graph(t, []string{"m1"}, nil, part{"a", component.Parallel, map[string][]resource.Resource{"m1": {conf, svc}}})
	seen := differs([]string{"a.service"})
	seen.Result.Restarts = map[string]facts.Restart{"a.service": {Action: "restart", Cause: conf.Address.String()}}
	p := build(g, map[string]plan.Observed{"m1": seen})
	require.Len(t, p.Steps, 1)
	assert.Equal(t, plan.Restart, p.Steps[0].Action)
	assert.Equal(t, []resource.Address{conf.Address}, p.Steps[0].Causes)
	assert.False(t, p.Empty())
}

func TestEdgesLeadThroughWhatDoesNotChange(t *testing.T) {
	a := file("m1", "/a")
	b := file("m1", "/b").After(a.Address)
	c := file("m1", "/c").After(b.Address)
	g := graph(t, []string{"m1"}, nil, part{"a", component.Parallel, map[string][]resource.Resource{"m1": {c, b, a}}})
	p := build(g, map[string]plan.Observed{"m1": differs(nil, a, c)})
	assert.Equal(t, []resource.Address{a.Address}, find(t, p, c.Address).Requires)
}

func TestRemovalsComeLastAndBackwards(t *testing.T) {
	a := file("m1", "/a")
	g := graph(t, []string{"m1"}, nil, part{"a", component.Parallel, map[string][]resource.Resource{"m1": {a}}})
	seen := differs(nil, a)
	seen.Result.Removed = []facts.Resource{{ID: `unit["old.service"]`}, {ID: `file["/old"]`, Irreversible: true}, {ID: "nonsense"}}
	p := build(g, map[string]plan.Observed{"m1": seen})
	old, config := service("m1", "old.service").Address, file("m1", "/old").Address
	assert.Equal(t, []resource.Address{a.Address}, find(t, p, old).Requires)
	assert.Equal(t, []resource.Address{old}, find(t, p, config).Requires)
	assert.True(t, find(t, p, config).Irreversible)
	assert.Len(t, p.Warnings, 1, "a ledger entry that cannot be read is told")
}

func TestAUnitRestartsAfterTheRemovalOfAnInput(t *testing.T) {
	svc := service("m1", "a.service")
	g := graph(t, []string{"m1"}, nil, part{"a", component.Parallel, map[string][]resource.Resource{"m1": {svc}}})
	seen := differs([]string{"a.service"})
	seen.Result.Removed = []facts.Resource{{ID: `file["/etc/a.d/extra"]`, Triggers: map[string]string{"a.service": "restart"}}, {ID: `file["/old"]`}}
	p := build(g, map[string]plan.Observed{"m1": seen})
	extra := file("m1", "/etc/a.d/extra").Address
	unit := find(t, p, svc.Address)
	assert.Equal(t, plan.Restart, unit.Act)
	assert.Equal(t, []resource.Address{extra}, unit.Causes)
	assert.Equal(t, []resource.Address{extra}, unit.Requires)
	assert.Empty(t, find(t, p, extra).Requires)
	assert.Equal(t, []resource.Address{svc.Address}, find(t, p, file("m1", "/old").Address).Requires)
}

func TestGatesCountWhatRunsAlready(t *testing.T) {
	want := map[string][]resource.Resource{}
	gate := desired.Gate{Address: desired.GateAddress("quorum"), Need: 2}
	for _, h := range []string{"m1", "m2", "m3"} {
		want[h] = []resource.Resource{service(h, "a.service")}
		gate.Of = append(gate.Of, want[h][0].Address)
	}
	g := graph(t, []string{"m1", "m2", "m3"}, []desired.Gate{gate}, part{"a", component.Parallel, want})
	p := build(g, map[string]plan.Observed{"m1": differs(nil, want["m1"][0]), "m2": differs(nil), "m3": {Err: assert.AnError}})
	s := find(t, p, gate.Address)
	assert.Equal(t, 1, s.Met, "m2 runs, m3 did not answer")
	assert.Equal(t, []resource.Address{want["m1"][0].Address}, s.Of)
	assert.Equal(t, 2, s.Need)
	assert.True(t, p.Incomplete())
	assert.True(t, build(g, map[string]plan.Observed{"m1": differs(nil), "m2": differs(nil), "m3": differs(nil)}).Empty())
}

// A turn must never stand against what a unit requires of another host.
func TestTurnsFollowTheGraph(t *testing.T) {
	ca, cb := file("a", "/c").Restarting("x.service"), file("b", "/c").Restarting("x.service")
	ub := service("b", "x.service")
	ua := service("a", "x.service").After(ub.Address) // a needs b, although a comes first by name
	g := graph(t, []string{"a", "b"}, nil, part{"x", component.OneAtATime, map[string][]resource.Resource{"a": {ca, ua}, "b": {cb, ub}}})
	p := build(g, map[string]plan.Observed{"a": differs([]string{"x.service"}, ca), "b": differs([]string{"x.service"}, cb)})
	assert.NotContains(t, find(t, p, ub.Address).Requires, ua.Address)
	assert.Contains(t, find(t, p, ua.Address).Requires, ub.Address)
	noCycles(t, p)
}

func noCycles(t require.TestingT, p *plan.Plan) {
	steps, state := map[resource.Address]plan.Step{}, map[resource.Address]int{}
	for _, s := range p.Steps {
		require.NotContains(t, steps, s.Address, "planned twice")
		steps[s.Address] = s
	}
	var visit func(resource.Address)
	visit = func(a resource.Address) {
		s, known := steps[a]
		require.True(t, known, "an edge leads to %s, which is no step", a)
		require.NotEqual(t, 1, state[a], "%s waits for itself", a)
		if state[a] == 2 {
			return
		}
		state[a] = 1
		for _, next := range slices.Concat(s.Requires, s.Of) {
			visit(next)
		}
		state[a] = 2
	}
	for a := range steps {
		visit(a)
	}
}

// TestPlansOfAnyGraph draws clusters and answers.
func TestPlansOfAnyGraph(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hosts := []string{"a", "b", "c"}
		want := map[string]map[string][]resource.Resource{"x": {}, "y": {}}
		seen := map[string]plan.Observed{}
		var all []resource.Address
		answers := map[string][]resource.Resource{}
		for i := range rapid.IntRange(1, 24).Draw(t, "resources") {
			host := rapid.SampledFrom(hosts).Draw(t, "host")
			owner := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "component")
			r := file(host, fmt.Sprintf("/f%d", i))
			if rapid.Bool().Draw(t, "unit") {
				r = service(host, fmt.Sprintf("u%d.service", i))
			}
			for range rapid.IntRange(0, 3).Draw(t, "edges") {
				if len(all) > 0 {
					r = r.After(rapid.SampledFrom(all).Draw(t, "need"))
				}
			}
			if rapid.Bool().Draw(t, "differs") {
				answers[host] = append(answers[host], r)
			}
			all = append(all, r.Address)
			want[owner][host] = append(want[owner][host], r)
			if r.Address.Kind == "unit" {
				input := file(host, fmt.Sprintf("/in%d", i)).Restarting(r.Address.Name)
				want[owner][host] = append(want[owner][host], input)
				if rapid.Bool().Draw(t, "input differs") {
					answers[host] = append(answers[host], input)
				}
			}
		}
		gate := desired.Gate{Address: desired.GateAddress("g"), Of: all[:1]}
		for _, h := range hosts {
			var running []string
			for _, a := range all {
				if a.Host == h && a.Kind == "unit" {
					running = append(running, a.Name)
				}
			}
			seen[h] = differs(running, answers[h]...)
		}
		x, y := part{"x", component.OneAtATime, want["x"]}, part{"y", component.OneAtATime, want["y"]}
		p := build(graph(t, hosts, []desired.Gate{gate}, x, y), seen)
		noCycles(t, p)
		neverTwoHosts(t, p)
		turned := build(graph(t, []string{"c", "a", "b"}, []desired.Gate{gate}, x, y), seen)
		require.Equal(t, p.Hash(), turned.Hash(), "the order of hosts in the inventory does not matter")
		raw, err := json.Marshal(p)
		require.NoError(t, err)
		back, err := plan.Decode(raw)
		require.NoError(t, err)
		require.Equal(t, p.Hash(), back.Hash(), "a saved plan is the plan")
	})
}

// neverTwoHosts: of two restarts of a component on two hosts, one waits for the
// other.
func neverTwoHosts(t require.TestingT, p *plan.Plan) {
	steps := map[resource.Address]plan.Step{}
	for _, s := range p.Steps {
		steps[s.Address] = s
	}
	reach := map[resource.Address]map[resource.Address]bool{}
	var from func(a resource.Address) map[resource.Address]bool
	from = func(a resource.Address) map[resource.Address]bool {
		if known, ok := reach[a]; ok {
			return known
		}
		found := map[resource.Address]bool{}
		reach[a] = found
		for _, next := range steps[a].Requires {
			found[next] = true
			for b := range from(next) {
				found[b] = true
			}
		}
		return found
	}
	for _, a := range p.Steps {
		for _, b := range p.Steps {
			if a.Act == plan.Restart && b.Act == plan.Restart && a.Component == b.Component && a.Address.Host != b.Address.Host {
				require.True(t, from(a.Address)[b.Address] || from(b.Address)[a.Address], "%s and %s may restart at once", a.Address, b.Address)
			}
		}
	}
}

func TestSavedPlansOfOtherFormatsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"format": 99}`: "its format is 99", `not json`: "reading saved plan", `{"format": 1, "force": true}`: "unknown field \"force\"; plan again", `{"format": 1, "steps": [{"address": "x"}]}`: "cannot read address",
	} {
		_, err := plan.Decode([]byte(text))
		assert.ErrorContains(t, err, want, text)
	}
}
