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
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
)

// farm is a cluster whose hosts each run a kubelet from a binary that drains,
// with a file beside it that does not.
type farm struct {
	keepers, workers []string
	alone            []string
	bounds           plan.Rollout
	reboots, targets []string
	open             bool // reboots of an earlier run are not done
	seen             map[string]plan.Observed
	cordoned         []string // by an earlier run
}

func kubelet(h string) resource.Resource {
	return file(h, "/kubelet").Restarting("kubelet.service").Draining()
}

func (f farm) hosts() []string { return slices.Concat(f.keepers, f.workers) }

// changed are hosts that run and on which the binary and the file differ.
func changed(hosts ...string) map[string]plan.Observed {
	seen := map[string]plan.Observed{}
	for _, h := range hosts {
		seen[h] = differs([]string{"kubelet.service"}, kubelet(h), file(h, "/other"))
	}
	return seen
}

func (f farm) build(t require.TestingT) *plan.Plan {
	in := desired.Input{Cluster: &component.Cluster{}, Guards: map[string]desired.Guard{}}
	want := map[string][]resource.Resource{}
	objects := map[resource.Address]plan.ClusterObserved{}
	for _, h := range f.hosts() {
		in.Hosts = append(in.Hosts, inventory.Host{Name: h})
	}
	for _, h := range slices.Sorted(slices.Values(f.hosts())) { // as inventories have them
		uncordon := object("uncordon", h).After(service(h, "kubelet.service").Address)
		in.Objects = append(in.Objects, uncordon)
		in.Guards[h] = desired.Guard{Drain: object("drain", h), Uncordon: uncordon.Address, Unit: "kubelet.service",
			Keeper: slices.Contains(f.keepers, h), Alone: slices.Contains(f.alone, h)}
		want[h] = []resource.Resource{kubelet(h), file(h, "/other"), service(h, "kubelet.service").After(kubelet(h).Address)}
		objects[uncordon.Address] = plan.ClusterObserved{}
		if slices.Contains(f.cordoned, h) {
			objects[uncordon.Address] = plan.ClusterObserved{Changes: []resource.Change{{Field: "schedulable", Old: "no", New: "yes"}}}
		}
	}
	in.Components = []component.Component{part{"kubelet", component.Parallel, want}}
	g, err := desired.Build(in)
	require.NoError(t, err)
	input := plan.Input{Cluster: "dc1", UUID: "u1", Target: "the real hosts", Now: time.Unix(1, 0).UTC(), Graph: g,
		Hosts: f.seen, Objects: objects, Rollout: f.bounds, Reboots: map[string]plan.Boot{}, RebootsOpen: f.open}
	for _, h := range f.reboots {
		input.Reboots[h] = plan.Boot{ID: "boot of " + h, Why: []string{"a newer kernel"}}
	}
	input.Targets, err = plan.ParseTargets(f.targets, input)
	require.NoError(t, err)
	p := plan.Build(input)
	noCycles(t, p)
	return p
}

func names(prefix string, n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%s%02d", prefix, i+1))
	}
	return list
}

func waveHosts(p *plan.Plan) [][]string {
	var list [][]string
	for _, w := range p.Waves {
		list = append(list, w.Hosts)
	}
	return list
}

func has(p *plan.Plan, a resource.Address) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Address == a })
}

func TestANodeIsDrainedAroundWhatNeedsIt(t *testing.T) {
	f := farm{workers: []string{"n1", "n2"}, seen: changed("n1", "n2"), bounds: plan.Rollout{MaxUnavailable: 1, Canary: 1}}
	p := f.build(t)
	drain, uncordon := object("drain", "n1").Address, object("uncordon", "n1").Address
	restart := service("n1", "kubelet.service").Address
	assert.Contains(t, find(t, p, kubelet("n1").Address).Requires, drain)
	assert.Contains(t, find(t, p, restart).Requires, drain)
	assert.ElementsMatch(t, []resource.Address{kubelet("n1").Address, restart}, find(t, p, uncordon).Requires)
	other := find(t, p, file("n1", "/other").Address)
	assert.Empty(t, other.Requires, "what needs no empty Node is not held up")
	assert.Equal(t, []resource.Address{other.Address}, find(t, p, drain).Requires, "it is done before")
	assert.Equal(t, []resource.Address{uncordon}, find(t, p, plan.WaveGate(1)).Of)
	assert.Contains(t, find(t, p, object("drain", "n2").Address).Requires, plan.WaveGate(1))
	assert.NotContains(t, find(t, p, file("n2", "/other").Address).Requires, plan.WaveGate(1), "hosts of later waves prepare meanwhile")
	assert.False(t, has(p, plan.WaveGate(2)), "nobody waits for the last wave")
}

func TestWaves(t *testing.T) {
	m, n := names("m", 3), names("n", 7)
	one := func(list []string) (out [][]string) {
		for _, h := range list {
			out = append(out, []string{h})
		}
		return out
	}
	for name, tc := range map[string]struct {
		farm farm
		want [][]string
	}{
		"masters, a canary, then waves": {farm{keepers: m, workers: n, seen: changed(slices.Concat(m, n)...), bounds: plan.Rollout{MaxUnavailable: 3, Canary: 1}},
			append(one(m), n[:1], n[1:4], n[4:7])},
		"no canary":              {farm{workers: n, seen: changed(n...), bounds: plan.Rollout{MaxUnavailable: 4}}, [][]string{n[:4], n[4:]}},
		"bounds nobody set":      {farm{workers: n[:2], seen: changed(n[:2]...)}, one(n[:2])},
		"all would be canaries":  {farm{workers: n[:2], seen: changed(n[:2]...), bounds: plan.Rollout{MaxUnavailable: 2, Canary: 5}}, [][]string{n[:2]}},
		"masters never together": {farm{keepers: m, seen: changed(m...), bounds: plan.Rollout{MaxUnavailable: 9}}, one(m)},
		"what is cordoned already goes first": {farm{workers: n[:3], seen: changed(n[:3]...), cordoned: n[2:3], bounds: plan.Rollout{MaxUnavailable: 1}},
			[][]string{n[2:3], n[0:1], n[1:2]}},
		"what was left over goes before all": {farm{keepers: m[:1], workers: n[:1], seen: changed(m[0]), cordoned: n[:1], bounds: plan.Rollout{MaxUnavailable: 1}},
			[][]string{n[:1], m[:1]}},
		"new hosts take no turn":   {farm{keepers: m[:1], workers: n[:2], seen: map[string]plan.Observed{"n01": differs(nil, kubelet("n01")), "n02": {New: true}}}, nil},
		"reboots take turns":       {farm{keepers: m[:2], workers: n[:2], reboots: []string{"n01", "m02", "m01"}, seen: idle("m01", "m02", "n01", "n02")}, [][]string{{"m01"}, {"m02"}, {"n01"}}},
		"nothing that drains":      {farm{workers: n[:1], seen: map[string]plan.Observed{"n01": differs([]string{"kubelet.service"}, file("n01", "/other"))}}, nil},
		"an open restart counts":   {farm{workers: n[:1], seen: open("n01")}, [][]string{{"n01"}}},
		"one target, one turn":     {farm{keepers: m, workers: n, seen: changed(slices.Concat(m, n)...), targets: []string{"n03"}}, [][]string{{"n03"}}},
		"two targets, still turns": {farm{keepers: m, workers: n, seen: changed(slices.Concat(m, n)...), targets: []string{"n05", "n02"}, bounds: plan.Rollout{MaxUnavailable: 1}}, [][]string{{"n02"}, {"n05"}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := tc.farm.build(t)
			assert.Equal(t, tc.want, waveHosts(p))
			for number := range len(tc.want) {
				assert.Equal(t, number > 0, has(p, plan.WaveGate(number)))
			}
		})
	}
}

func idle(hosts ...string) map[string]plan.Observed {
	seen := map[string]plan.Observed{}
	for _, h := range hosts {
		seen[h] = differs([]string{"kubelet.service"})
	}
	return seen
}

// open is a host on which a run was killed between the binary and the restart.
func open(h string) map[string]plan.Observed {
	seen := idle(h)
	o := seen[h]
	o.Result.Restarts = map[string]facts.Restart{"kubelet.service": {Action: "restart", Cause: kubelet(h).Address.String()}}
	seen[h] = o
	return seen
}

func TestACordonIsUndoneAlthoughNothingElseChanges(t *testing.T) {
	p := farm{workers: []string{"n1", "n2"}, seen: idle("n1", "n2"), cordoned: []string{"n2"}}.build(t)
	require.Len(t, p.Steps, 1)
	assert.Equal(t, object("uncordon", "n2").Address, p.Steps[0].Address)
	assert.False(t, p.Empty())
	assert.Equal(t, []plan.Wave{{Hosts: []string{"n2"}, Rest: true}}, p.Waves)
}

func TestPodsWithoutAnotherPlaceStay(t *testing.T) {
	p := farm{workers: []string{"n1"}, alone: []string{"n1"}, seen: changed("n1")}.build(t)
	assert.False(t, has(p, object("drain", "n1").Address))
	assert.False(t, has(p, object("uncordon", "n1").Address))
	require.Len(t, p.Warnings, 1)
	assert.Contains(t, p.Warnings[0], "no other Node can take its pods")

	p = farm{workers: []string{"n1", "n2"}, alone: []string{"n1"}, seen: changed("n1", "n2"), bounds: plan.Rollout{MaxUnavailable: 1}}.build(t)
	assert.Contains(t, find(t, p, object("drain", "n2").Address).Requires, plan.WaveGate(1), "it has its turn all the same")
	assert.Contains(t, find(t, p, plan.WaveGate(1)).Of, service("n1", "kubelet.service").Address)
}

// A kubelet that does not run would never end the pods: what fixes it waits for
// nothing, and the Node is uncordoned after it.
func TestAKubeletThatDoesNotRunIsFixedAtOnce(t *testing.T) {
	seen := map[string]plan.Observed{"n1": differs(nil, kubelet("n1"), service("n1", "kubelet.service")), "n2": changed("n2")["n2"]}
	p := farm{workers: []string{"n1", "n2"}, seen: seen, cordoned: []string{"n1"}}.build(t)
	assert.False(t, has(p, object("drain", "n1").Address))
	assert.Contains(t, find(t, p, object("uncordon", "n1").Address).Requires, service("n1", "kubelet.service").Address)
	assert.Contains(t, find(t, p, object("drain", "n2").Address).Requires, plan.WaveGate(1))
	assert.Equal(t, [][]string{{"n1"}, {"n2"}}, waveHosts(p))
}

func TestARebootIsTheLastThingOnItsHost(t *testing.T) {
	f := farm{workers: []string{"n1", "n2"}, seen: changed("n1", "n2"), reboots: []string{"n1", "n1", "gone"}}
	p := f.build(t)
	reboot := find(t, p, plan.RebootAddress("n1"))
	assert.Equal(t, plan.Reboot, reboot.Action)
	for _, a := range []resource.Address{kubelet("n1").Address, file("n1", "/other").Address, service("n1", "kubelet.service").Address} {
		assert.Contains(t, reboot.Requires, a)
	}
	assert.Contains(t, reboot.Requires, object("drain", "n1").Address)
	assert.Contains(t, find(t, p, object("uncordon", "n1").Address).Requires, reboot.Address)
	assert.False(t, has(p, plan.RebootAddress("gone")))
	assert.Equal(t, []resource.Change{{Field: "boot", Old: "boot of n1", New: "another"}, {Field: "because", New: "a newer kernel"}}, reboot.Changes)
	end := find(t, p, plan.RebootsAddress("dc1"))
	assert.Subset(t, end.Requires, []resource.Address{reboot.Address, object("uncordon", "n1").Address})

	f.targets = []string{plan.RebootAddress("n1").String(), plan.RebootsAddress("dc1").String()}
	p = f.build(t)
	assert.False(t, has(p, kubelet("n1").Address), "who only wants the reboot changes nothing else")
	assert.Contains(t, find(t, p, plan.RebootAddress("n1")).Requires, object("drain", "n1").Address)
	assert.Contains(t, find(t, p, plan.RebootsAddress("dc1")).Requires, object("uncordon", "n1").Address)
}

func TestWhatIsLeftOfRebootsIsForgotten(t *testing.T) {
	f := farm{workers: []string{"n1", "n2"}, cordoned: []string{"n1"}, seen: idle("n1", "n2"), open: true}
	p := f.build(t)
	assert.Equal(t, []resource.Address{object("uncordon", "n1").Address}, find(t, p, plan.RebootsAddress("dc1")).Requires)
	f.open = false
	assert.False(t, has(f.build(t), plan.RebootsAddress("dc1")))
}

// TestWavesOfAnyFarm draws clusters, answers and bounds.
func TestWavesOfAnyFarm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := farm{keepers: names("m", rapid.IntRange(0, 4).Draw(t, "keepers")), workers: names("n", rapid.IntRange(0, 9).Draw(t, "workers")),
			bounds: plan.Rollout{MaxUnavailable: rapid.IntRange(-1, 4).Draw(t, "at once"), Canary: rapid.IntRange(-1, 3).Draw(t, "canary")}, seen: map[string]plan.Observed{}}
		draining := map[string]bool{}
		for _, h := range f.hosts() {
			var running []string
			if rapid.Bool().Draw(t, "runs") {
				running = []string{"kubelet.service"}
			}
			var differ []resource.Resource
			if rapid.Bool().Draw(t, "changes") {
				differ = append(differ, kubelet(h))
			}
			f.seen[h] = differs(running, differ...)
			if rapid.IntRange(0, 3).Draw(t, "cordoned") == 0 {
				f.cordoned = append(f.cordoned, h)
			}
			draining[h] = len(running)+len(differ) == 2
		}
		p := f.build(t)
		wave := map[string]int{}
		for i, w := range p.Waves {
			keepers := 0
			for _, h := range w.Hosts {
				require.NotContains(t, wave, h, "a host has one turn")
				wave[h] = i
				if slices.Contains(f.keepers, h) && !w.Rest {
					keepers++
				}
			}
			require.True(t, keepers == 0 || keepers == 1 && len(w.Hosts) == 1, "a master goes alone")
			if !w.Rest && !w.Canary {
				require.LessOrEqual(t, len(w.Hosts), max(1, f.bounds.MaxUnavailable))
			}
		}
		edges := 0
		for _, s := range p.Steps {
			edges += len(s.Requires) + len(s.Of)
		}
		require.LessOrEqual(t, edges, 12*len(f.hosts()), "edges grow with the hosts, not with their square")
		for h := range draining {
			require.Equal(t, draining[h], has(p, object("drain", h).Address))
			require.Equal(t, draining[h] || slices.Contains(f.cordoned, h), has(p, object("uncordon", h).Address))
			if i, takes := wave[h]; takes && i > 0 && draining[h] {
				require.Contains(t, find2(p, object("drain", h).Address).Requires, plan.WaveGate(i))
			}
		}
		slices.Reverse(f.workers)
		slices.Reverse(f.keepers)
		require.Equal(t, p.Hash(), f.build(t).Hash(), "the order of hosts does not matter")
	})
}

func find2(p *plan.Plan, a resource.Address) plan.Step {
	i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Address == a })
	return p.Steps[i]
}
