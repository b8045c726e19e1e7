package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
)

const proxyUnit = "proxy.service"

func setting(h string) resource.Resource {
	return file(h, "/kubelet.yaml").Restarting("kubelet.service")
}

// tuned is a cluster whose kubelets and proxies travel in waves.
func tuned(t require.TestingT, keepers, workers []string, seen map[string]plan.Observed) *plan.Plan {
	in := desired.Input{Cluster: &component.Cluster{}, Guards: map[string]desired.Guard{}}
	want := map[string][]resource.Resource{}
	for _, h := range slices.Sorted(slices.Values(slices.Concat(keepers, workers))) {
		in.Hosts = append(in.Hosts, inventory.Host{Name: h})
		uncordon := object("uncordon", h).After(service(h, "kubelet.service").Address)
		in.Objects = append(in.Objects, uncordon)
		in.Guards[h] = desired.Guard{Drain: object("drain", h), Uncordon: uncordon.Address, Unit: "kubelet.service", Keeper: slices.Contains(keepers, h)}
		want[h] = []resource.Resource{kubelet(h), setting(h), file(h, "/proxy.yaml").Restarting(proxyUnit), file(h, "/other").Restarting("other.service"),
			resource.New(h, "cert", "/pki/kubelet", 1).Restarting("kubelet.service"),
			service(h, "kubelet.service").InWaves(), service(h, proxyUnit).InWaves(), service(h, "other.service")}
	}
	in.Components = []component.Component{part{"kubelet", component.Parallel, want}}
	g, err := desired.Build(in)
	require.NoError(t, err)
	p := plan.Build(plan.Input{Cluster: "dc1", UUID: "u1", Graph: g, Hosts: seen, Rollout: plan.Rollout{MaxUnavailable: 2, Canary: 1}})
	noCycles(t, p)
	return p
}

func everything() []string { return []string{"kubelet.service", proxyUnit, "other.service"} }

func retuned(hosts []string, list ...func(string) resource.Resource) map[string]plan.Observed {
	seen := map[string]plan.Observed{}
	for _, h := range hosts {
		var differ []resource.Resource
		for _, r := range list {
			differ = append(differ, r(h))
		}
		seen[h] = differs(everything(), differ...)
	}
	return seen
}

// A setting went to all hosts at once: only programs went in waves.
func TestASettingGoesInWavesAndNobodyIsDrained(t *testing.T) {
	keepers, workers := names("m", 2), names("n", 4)
	p := tuned(t, keepers, workers, retuned(slices.Concat(keepers, workers), setting))
	assert.Equal(t, [][]string{{"m01"}, {"m02"}, {"n01"}, {"n02", "n03"}, {"n04"}}, waveHosts(p))
	assert.True(t, p.Waves[2].Canary)
	assert.Equal(t, []string{"n02", "n03"}, p.Waves[3].Pods)
	assert.False(t, slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Address.Kind == "drain" || s.Address.Kind == "uncordon" }))
	for i, h := range []string{"m02", "n01", "n02", "n04"} {
		assert.Contains(t, find(t, p, setting(h).Address).Requires, plan.WaveGate(i+1), "not even written before its turn: a unit that ends by itself would read it")
		assert.Contains(t, find(t, p, service(h, "kubelet.service").Address).Requires, plan.WaveGate(i+1))
	}
	assert.Contains(t, find(t, p, plan.WaveGate(1)).Of, service("m01", "kubelet.service").Address)
}

func TestWhatGoesInWaves(t *testing.T) {
	workers := names("n", 3)
	proxy := func(h string) resource.Resource { return file(h, "/proxy.yaml") }
	other := func(h string) resource.Resource { return file(h, "/other") }
	certificate := func(h string) resource.Resource { return resource.New(h, "cert", "/pki/kubelet", 1) }
	one := [][]string{{"n01"}, {"n02", "n03"}}
	for name, tc := range map[string]struct {
		seen  map[string]plan.Observed
		waves [][]string
	}{
		"a proxy's setting":                 {retuned(workers, proxy), one},
		"a unit that does not travel":       {retuned(workers, other), nil},
		"a certificate":                     {retuned(workers, certificate), nil},
		"a first installation":              {fresh(workers), nil},
		"hosts that join":                   {join(retuned(workers[:2]), fresh(workers[2:])), nil},
		"one that does not work is outside": {sickened(retuned(workers, setting), "n01", "kubelet.service"), [][]string{{"n02"}, {"n03"}}},
		"all that do not work, at once":     {sickened(sickened(sickened(retuned(workers, setting), "n01", "kubelet.service"), "n02", "kubelet.service"), "n03", "kubelet.service"), nil},
		"another unit does not work":        {sickened(retuned(workers, setting), "n01", "other.service"), one},
		"the proxy does not work":           {sickened(retuned(workers, proxy), "n02", proxyUnit), [][]string{{"n01"}, {"n03"}}},
		"not seen through goes first":       {unproven(sickened(retuned(workers, setting), "n03", "kubelet.service"), "n03"), [][]string{{"n03"}, {"n01"}, {"n02"}}},
		"nothing else than that":            {unproven(retuned(workers), "n03"), [][]string{{"n03"}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := tuned(t, nil, workers, tc.seen)
			assert.Equal(t, tc.waves, waveHosts(p))
			if strings.HasPrefix(name, "not seen") {
				assert.True(t, p.Waves[0].Again)
			}
		})
	}
}

func fresh(hosts []string) map[string]plan.Observed {
	seen := map[string]plan.Observed{}
	for _, h := range hosts {
		seen[h] = differs(nil, kubelet(h), setting(h), service(h, "kubelet.service"))
	}
	return seen
}

func join(maps ...map[string]plan.Observed) map[string]plan.Observed {
	out := map[string]plan.Observed{}
	for _, m := range maps {
		for h, o := range m {
			out[h] = o
		}
	}
	return out
}

func sickened(seen map[string]plan.Observed, host, unit string) map[string]plan.Observed {
	o := seen[host]
	o.Result.Ill = append(slices.Clone(o.Result.Ill), unit)
	seen[host] = o
	return seen
}

func unproven(seen map[string]plan.Observed, host string) map[string]plan.Observed {
	o := seen[host]
	o.Result.Unproven = map[string]string{"kubelet.service": setting(host).Address.String()}
	seen[host] = o
	return seen
}

func TestASettingBesideAProgramWaitsForTheDrain(t *testing.T) {
	workers := names("n", 2)
	p := tuned(t, nil, workers, retuned(workers, setting, kubelet))
	drain := object("drain", "n01").Address
	assert.Contains(t, find(t, p, setting("n01").Address).Requires, drain)
	assert.Empty(t, p.Waves[0].Pods)
	assert.True(t, has(p, object("uncordon", "n01").Address))
}

func TestAUnitThatWasNotSeenThroughIsRestarted(t *testing.T) {
	p := tuned(t, nil, names("n", 2), unproven(retuned(names("n", 2)), "n02"))
	step := find(t, p, service("n02", "kubelet.service").Address)
	assert.Equal(t, plan.Restart, step.Act)
	assert.Equal(t, []resource.Address{setting("n02").Address}, step.Causes)
	assert.Len(t, p.Steps, 1)
}

// TestOneSettingReachesOneWave draws clusters in which anything differs anywhere:
// whatever restarts a unit that travels waits for the waves before it.
func TestOneSettingReachesOneWave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keepers, workers := names("m", rapid.IntRange(0, 3).Draw(t, "keepers")), names("n", rapid.IntRange(0, 6).Draw(t, "workers"))
		seen, sick := map[string]plan.Observed{}, map[string]bool{}
		for _, h := range slices.Concat(keepers, workers) {
			var differ []resource.Resource
			for _, r := range []resource.Resource{kubelet(h), setting(h), file(h, "/proxy.yaml"), file(h, "/other")} {
				if rapid.Bool().Draw(t, r.Address.String()) {
					differ = append(differ, r)
				}
			}
			seen[h] = differs(everything(), differ...)
			if sick[h] = rapid.IntRange(0, 4).Draw(t, "ill") == 0; sick[h] {
				seen = sickened(seen, h, "kubelet.service")
			}
		}
		p := tuned(t, keepers, workers, seen)
		wave := map[string]int{}
		for i, w := range p.Waves {
			for _, h := range w.Hosts {
				wave[h] = i
			}
		}
		for _, s := range p.Steps {
			travels := s.Address.Name == "/kubelet.yaml" || s.Address.Name == "/proxy.yaml" || s.Act != "" && s.Address.Name != "other.service"
			if s.Address.IsCluster() || !travels || sick[s.Address.Host] {
				continue
			}
			at, takes := wave[s.Address.Host]
			require.True(t, takes, "%s has no turn", s.Address)
			if at == 0 {
				continue
			}
			waits := slices.Contains(s.Requires, plan.WaveGate(at))
			drain := object("drain", s.Address.Host).Address
			require.True(t, waits || has(p, drain) && slices.Contains(s.Requires, drain) && slices.Contains(find2(p, drain).Requires, plan.WaveGate(at)), "%s waits for no wave", s.Address)
		}
	})
}
