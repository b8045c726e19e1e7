package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
)

// bracketed is a part on whose hosts something is done before and after.
type bracketed struct {
	part
	// shared: one before and one after for all hosts.
	shared bool
	needs  []resource.Address // of what is before
}

func (b bracketed) Around(_ *component.Cluster, h inventory.Host) (before, after []resource.Resource) {
	name := h.Name
	if b.shared {
		name = "all"
	}
	return []resource.Resource{object("before", name).After(b.needs...)}, []resource.Resource{object("after", name)}
}

// around builds a plan of hosts on which the file that feeds a unit differs.
func around(t require.TestingT, b bracketed, hosts, differ []string, tune func(*desired.Input, *plan.Input)) *plan.Plan {
	in := desired.Input{Cluster: &component.Cluster{}}
	seen := map[string]plan.Observed{}
	b.part = part{"x", component.OneAtATime, map[string][]resource.Resource{}}
	for _, h := range hosts {
		conf := file(h, "/conf").Restarting("x.service")
		b.want[h] = []resource.Resource{conf, service(h, "x.service")}
		in.Hosts = append(in.Hosts, inventory.Host{Name: h})
		seen[h] = differs([]string{"x.service"})
		if slices.Contains(differ, h) {
			seen[h] = differs([]string{"x.service"}, conf)
		}
	}
	in.Components = []component.Component{b}
	p := plan.Input{Cluster: "dc1", UUID: "u1", Now: time.Unix(1, 0), Hosts: seen, Objects: map[resource.Address]plan.ClusterObserved{}}
	if tune != nil {
		tune(&in, &p)
	}
	g, err := desired.Build(in)
	require.NoError(t, err)
	p.Graph = g
	for _, r := range g.Resources {
		if _, known := p.Objects[r.Address]; r.Address.IsCluster() && !known {
			p.Objects[r.Address] = plan.ClusterObserved{}
		}
	}
	return plan.Build(p)
}

func TestABracketStandsAroundARestartAndIsOverBeforeTheNextHost(t *testing.T) {
	p := around(t, bracketed{}, []string{"h1", "h2", "h3"}, []string{"h1", "h2"}, nil)
	noCycles(t, p)
	unit := func(h string) resource.Address { return service(h, "x.service").Address }
	before, after := func(h string) resource.Address { return object("before", h).Address }, func(h string) resource.Address { return object("after", h).Address }
	assert.Contains(t, find(t, p, unit("h1")).Requires, before("h1"))
	assert.Contains(t, find(t, p, before("h1")).Requires, file("h1", "/conf").Address, "as late as may be")
	assert.Equal(t, []resource.Address{unit("h1")}, find(t, p, after("h1")).Requires)
	assert.Contains(t, find(t, p, before("h2")).Requires, after("h1"), "one host at a time, bracket and all")
	assert.Contains(t, find(t, p, unit("h2")).Requires, after("h1"))
	assert.False(t, has(p, before("h3")) || has(p, after("h3")), "nothing changes there")
	assert.Equal(t, "x", find(t, p, before("h1")).Component)
}

func TestABracketOfAllHostsBeginsWithTheFirstAndEndsWithTheLast(t *testing.T) {
	p := around(t, bracketed{shared: true}, []string{"h1", "h2"}, []string{"h1", "h2"}, nil)
	noCycles(t, p)
	both := []resource.Address{service("h1", "x.service").Address, service("h2", "x.service").Address}
	for _, a := range both {
		assert.Contains(t, find(t, p, a).Requires, object("before", "all").Address)
	}
	assert.ElementsMatch(t, both, find(t, p, object("after", "all").Address).Requires)
}

// A run was killed between before and after.
func TestWhatIsDueAfterIsInTheNextPlan(t *testing.T) {
	due := func(_ *desired.Input, in *plan.Input) {
		in.Objects[object("after", "h1").Address] = plan.ClusterObserved{Changes: []resource.Change{{Field: "flag", Old: "set", New: "unset"}}}
	}
	p := around(t, bracketed{}, []string{"h1"}, nil, due)
	require.Len(t, p.Steps, 1, "the restart was done")
	assert.Equal(t, object("after", "h1").Address, p.Steps[0].Address)
	p = around(t, bracketed{}, []string{"h1"}, []string{"h1"}, due)
	assert.Equal(t, []resource.Address{service("h1", "x.service").Address}, find(t, p, object("after", "h1").Address).Requires, "the restart is to be done still")
	p = around(t, bracketed{}, []string{"h1"}, nil, func(_ *desired.Input, in *plan.Input) {
		in.UUID = ""
		in.Objects[object("after", "h1").Address] = plan.ClusterObserved{Unknown: true}
	})
	assert.False(t, has(p, object("after", "h1").Address), "nothing was ever done in a new cluster")
}

func TestABracketStandsAroundReboots(t *testing.T) {
	p := around(t, bracketed{}, []string{"h1", "h2"}, nil, func(_ *desired.Input, in *plan.Input) {
		in.Reboots = map[string]plan.Boot{"h1": {ID: "b"}}
	})
	noCycles(t, p)
	assert.Contains(t, find(t, p, plan.RebootAddress("h1")).Requires, object("before", "h1").Address)
	assert.Contains(t, find(t, p, object("after", "h1").Address).Requires, plan.RebootAddress("h1"))
	assert.Contains(t, find(t, p, plan.RebootsAddress("dc1")).Requires, object("after", "h1").Address, "the reboots are not over before")
}

// What is before may need the very thing that restarts, as the API needs etcd: it
// cannot wait for that.
func TestBracketsNeverWaitForThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hosts := []string{"h1", "h2", "h3"}
		subset := rapid.SliceOfDistinct(rapid.SampledFrom(hosts), func(h string) string { return h })
		gate := component.Barrier{Address: component.BarrierAt("g"), Need: rapid.IntRange(0, 1).Draw(t, "need")}
		for _, h := range subset.Draw(t, "gate") {
			gate.Of = append(gate.Of, service(h, "x.service").Address)
		}
		b := bracketed{shared: rapid.Bool().Draw(t, "shared"), needs: []resource.Address{gate.Address}}
		reboots := subset.Draw(t, "reboots")
		p := around(t, b, hosts, subset.Draw(t, "differ"), func(in *desired.Input, out *plan.Input) {
			in.Gates = append(in.Gates, gate)
			out.Reboots = map[string]plan.Boot{}
			for _, h := range reboots {
				out.Reboots[h] = plan.Boot{ID: "b"}
			}
		})
		noCycles(t, p)
		for _, s := range p.Steps {
			if s.Address.Kind == "unit" || s.Address.Kind == plan.RebootKind {
				name := s.Address.Host
				if b.shared {
					name = "all"
				}
				assert.Contains(t, s.Requires, object("before", name).Address)
				assert.Contains(t, find2(p, object("after", name).Address).Requires, s.Address)
			}
		}
	})
}
