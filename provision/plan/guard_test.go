package plan_test

import (
	"fmt"
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

// guarded builds a plan of any resources in which each host is a guarded Node
// whose kubelet is k.service.
func guarded(t require.TestingT, hosts, keepers []string, gates []desired.Gate, want map[string][]resource.Resource, seen map[string]plan.Observed) *plan.Plan {
	in := desired.Input{Cluster: &component.Cluster{}, Gates: gates, Guards: map[string]desired.Guard{}}
	objects := map[resource.Address]plan.ClusterObserved{}
	all := map[string][]resource.Resource{}
	for _, h := range hosts {
		in.Hosts = append(in.Hosts, inventory.Host{Name: h})
		kubelet := service(h, "k.service")
		all[h] = append(slices.Clone(want[h]), kubelet)
		uncordon := object("uncordon", h).After(kubelet.Address)
		in.Objects = append(in.Objects, uncordon)
		drain := object("drain", h)
		for _, gate := range gates {
			drain = drain.After(gate.Address)
		}
		in.Guards[h] = desired.Guard{Drain: drain, Uncordon: uncordon.Address, Unit: "k.service", Keeper: slices.Contains(keepers, h)}
		objects[uncordon.Address] = plan.ClusterObserved{}
	}
	in.Components = []component.Component{part{"x", component.OneAtATime, all}}
	g, err := desired.Build(in)
	require.NoError(t, err)
	return plan.Build(plan.Input{Cluster: "dc1", UUID: "u1", Target: "the real hosts", Now: time.Unix(1, 0).UTC(), Graph: g, Hosts: seen, Objects: objects})
}

// A step of n2 is required by n1, whose wave comes first: were n2 to wait for
// its turn, nobody would ever be done.
func TestWhatAnEarlierWaveWaitsForGoesAhead(t *testing.T) {
	shared := file("n2", "/shared").Draining()
	own := file("n1", "/own").Draining().After(shared.Address)
	seen := map[string]plan.Observed{"n1": differs([]string{"k.service"}, own), "n2": differs([]string{"k.service"}, shared)}
	p := guarded(t, []string{"n1", "n2"}, nil, nil, map[string][]resource.Resource{"n1": {own}, "n2": {shared}}, seen)
	noCycles(t, p)
	assert.False(t, has(p, object("drain", "n2").Address))
	assert.True(t, has(p, object("drain", "n1").Address))
	require.Len(t, p.Warnings, 1)
	assert.Contains(t, p.Warnings[0], `n2/file["/shared"] is done without draining its Node`)
}

// A drain needs the API: what the API needs cannot wait for it.
func TestWhatADrainNeedsIsNotDrained(t *testing.T) {
	server := service("m1", "api.service")
	input := file("m1", "/flags").Draining().Restarting("api.service")
	gate := desired.Gate{Address: desired.GateAddress("api"), Of: []resource.Address{server.Address}}
	seen := map[string]plan.Observed{"m1": differs([]string{"k.service", "api.service"}, input)}
	p := guarded(t, []string{"m1"}, []string{"m1"}, []desired.Gate{gate}, map[string][]resource.Resource{"m1": {input, server}}, seen)
	noCycles(t, p)
	assert.False(t, has(p, object("drain", "m1").Address))
	assert.Contains(t, p.Warnings[0], "done without draining")
}

// TestGuardsOfAnyGraph draws graphs with edges between hosts, in which anything
// may need an empty Node.
func TestGuardsOfAnyGraph(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hosts := names("h", rapid.IntRange(1, 6).Draw(t, "hosts"))
		keepers := hosts[:rapid.IntRange(0, len(hosts)).Draw(t, "keepers")]
		want, differ, seen := map[string][]resource.Resource{}, map[string][]resource.Resource{}, map[string]plan.Observed{}
		var all []resource.Address
		draining := map[resource.Address]bool{}
		for i := range rapid.IntRange(1, 24).Draw(t, "resources") {
			host := rapid.SampledFrom(hosts).Draw(t, "host")
			r := file(host, fmt.Sprintf("/f%d", i))
			for range rapid.IntRange(0, 3).Draw(t, "edges") {
				if len(all) > 0 {
					r = r.After(rapid.SampledFrom(all).Draw(t, "need"))
				}
			}
			if rapid.Bool().Draw(t, "restarts") {
				r = r.Restarting("k.service")
			}
			all = append(all, r.Address)
			if rapid.Bool().Draw(t, "drains") {
				r, draining[r.Address] = r.Draining(), true
			}
			if rapid.Bool().Draw(t, "differs") {
				differ[host] = append(differ[host], r)
			}
			want[host] = append(want[host], r)
		}
		for _, h := range hosts {
			seen[h] = differs([]string{"k.service"}, differ[h]...)
		}
		var gates []desired.Gate
		if rapid.Bool().Draw(t, "gated") {
			gates = append(gates, desired.Gate{Address: desired.GateAddress("g"), Of: all[:1]})
		}
		p := guarded(t, hosts, keepers, gates, want, seen)
		noCycles(t, p)
		for a := range draining {
			drain := object("drain", a.Host).Address
			if !has(p, a) || slices.ContainsFunc(p.Warnings, func(w string) bool { return w == a.String()+released }) {
				continue
			}
			require.Contains(t, find2(p, a).Requires, drain, "%s needs an empty Node", a)
			require.Contains(t, find2(p, object("uncordon", a.Host).Address).Requires, a)
		}
		require.Equal(t, p.Hash(), guarded(t, hosts, keepers, gates, want, seen).Hash())
	})
}

const released = " is done without draining its Node: hosts with earlier turns wait for it"
