package provision_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/engine"
	"provision/provision/fleettest"
	"provision/provision/internal/system/systemfake"
	"provision/provision/inventory"
)

const (
	kubeletYAML = "/etc/kubernetes/kubelet.yaml"
	proxyYAML   = "/etc/kubernetes/kube-proxy.yaml"
)

// limits is the inventory with a setting of kubelet's that no schema can judge.
func limits(inv *inventory.Inventory, value string) *inventory.Inventory {
	return edit(inv, func(i *inventory.Inventory) {
		i.Kubernetes.Kubelet = map[string]any{"evictionHard": map[string]any{"memory.available": value}}
		i.Places = inventory.Places{
			"kubernetes.kubelet":                               {Filename: "dc1.hcl", Start: hcl.Pos{Line: 12}},
			"kubernetes.kubelet.evictionHard":                  {Filename: "dc1.hcl", Start: hcl.Pos{Line: 13}},
			"kubernetes.kubelet.evictionHard.memory.available": {Filename: "dc1.hcl", Start: hcl.Pos{Line: 14}},
			"network.proxy_mode":                               {Filename: "dc1.hcl", Start: hcl.Pos{Line: 7}},
		}
	})
}

// refuse has a unit of all hosts die of a setting.
func refuse(t *testing.T, f *fleettest.Fleet, hosts []string, unit, path, text string, loops bool) {
	t.Helper()
	for _, h := range hosts {
		require.NoError(t, f.Host(h).Refuse(unit, systemfake.Refusal{Path: path, Text: text, Loops: loops, Log: "cannot run with " + text}))
	}
}

func holding(f *fleettest.Fleet, path, text string, hosts ...string) (list []string) {
	for _, h := range hosts {
		if strings.Contains(f.Host(h).Read(path), text) {
			list = append(list, h)
		}
	}
	return list
}

func onlyFailure(t *testing.T, outcome *provision.Outcome) engine.Failure {
	t.Helper()
	require.NotNil(t, outcome)
	require.Len(t, outcome.Result.Failed, 1, "%v", outcome.Result.Failed)
	return outcome.Result.Failed[0]
}

// kubelet = { maxPods = "70" } killed every kubelet of the site within a second.
func TestAWrongSettingReachesOneHostAndIsTakenBack(t *testing.T) {
	all := []string{"m1", "n1", "n2", "n3"}
	for name, tc := range map[string]struct {
		unit, path, bad string
		loops           bool
		change          func(*inventory.Inventory) *inventory.Inventory
		line            string
	}{
		"kubelet does not start": {"kubelet.service", kubeletYAML, "a lot", false,
			func(i *inventory.Inventory) *inventory.Inventory { return limits(i, "a lot") }, "dc1.hcl:14: kubernetes.kubelet.evictionHard.memory.available"},
		"kubelet ends again and again": {"kubelet.service", kubeletYAML, "a lot", true,
			func(i *inventory.Inventory) *inventory.Inventory { return limits(i, "a lot") }, "dc1.hcl:14: kubernetes.kubelet.evictionHard.memory.available"},
		"kube-proxy ends again and again": {"kube-proxy.service", proxyYAML, "mode: odd", true,
			func(i *inventory.Inventory) *inventory.Inventory {
				return edit(limits(i, "300Mi"), func(i *inventory.Inventory) { i.Kubernetes.Kubelet, i.Network.ProxyMode = nil, "odd" })
			}, "dc1.hcl:7: network.proxy_mode"},
		"containerd does not start": {"containerd.service", "/etc/containerd/config.toml", "restrict_oom_score_adj = true", false,
			func(i *inventory.Inventory) *inventory.Inventory {
				return edit(i, func(i *inventory.Inventory) {
					i.Kubernetes.RestrictOOMScoreAdj = true
					i.Places = inventory.Places{"kubernetes.restrict_oom_score_adj": {Filename: "dc1.hcl", Start: hcl.Pos{Line: 9}}}
				})
			}, "dc1.hcl:9: kubernetes.restrict_oom_score_adj"},
		"containerd starts without a runtime": {"kubelet.service", "/etc/containerd/config.toml", "restrict_oom_score_adj = true", false,
			func(i *inventory.Inventory) *inventory.Inventory {
				return edit(i, func(i *inventory.Inventory) {
					i.Kubernetes.RestrictOOMScoreAdj = true
					i.Places = inventory.Places{"kubernetes.restrict_oom_score_adj": {Filename: "dc1.hcl", Start: hcl.Pos{Line: 9}}}
				})
			}, "dc1.hcl:9: kubernetes.restrict_oom_score_adj"},
	} {
		t.Run(name, func(t *testing.T) {
			f, inv := formed(t, 3)
			before := f.Host("m1").Read(tc.path)
			refuse(t, f, all, tc.unit, tc.path, tc.bad, tc.loops)
			wrong := tc.change(inv)
			for range 2 { // once more: it says the same
				outcome, err := apply(t, f, wrong)
				require.Error(t, err)
				failed := onlyFailure(t, outcome)
				assert.Equal(t, "m1", failed.Address.Host)
				assert.Equal(t, tc.unit, failed.Address.Name)
				for _, part := range []string{tc.unit + " does not work with its new settings", "m1 has its last working settings back and works", tc.line} {
					assert.ErrorContains(t, failed.Err, part)
				}
				assert.Empty(t, holding(f, tc.path, tc.bad, all...))
				assert.Equal(t, before, f.Host("m1").Read(tc.path))
				assert.Empty(t, f.Host("m1").Read("/var/lib/provision/spares.json"))
				units, err := f.Host("m1").Units()
				require.NoError(t, err)
				assert.Equal(t, "active", units[tc.unit].Active)
			}
			_, err := apply(t, f, inv) // the way back needs nothing but the inventory
			require.NoError(t, err)
			p, err := look(t, f, inv)
			require.NoError(t, err)
			assert.True(t, p.Empty(), "%+v", p.Steps)
		})
	}
}

func TestASettingReachesAllHostsInWavesWithoutADrain(t *testing.T) {
	f, inv := formed(t, 3)
	outcome, err := apply(t, f, limits(inv, "300Mi"))
	require.NoError(t, err)
	assert.Len(t, outcome.Plan.Waves, 4)
	assert.Empty(t, f.API.Drained())
	all := []string{"m1", "n1", "n2", "n3"}
	assert.Equal(t, all, holding(f, kubeletYAML, "300Mi", all...))
	p, err := look(t, f, limits(inv, "300Mi"))
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%+v", p.Steps)
}

// A kubelet that runs says nothing of its Node.
func TestASettingWithWhichTheNodeIsNotReadyIsTakenBack(t *testing.T) {
	f, inv := formed(t, 2)
	f.API.Sicken("m1", errors.New("cni plugin not initialized"))
	outcome, err := apply(t, f, limits(inv, "300Mi"))
	require.Error(t, err)
	failed := onlyFailure(t, outcome)
	require.ErrorContains(t, failed.Err, "cni plugin not initialized")
	require.ErrorContains(t, failed.Err, "m1 has its last working settings back")
	assert.Empty(t, holding(f, kubeletYAML, "300Mi", "m1", "n1", "n2"))
}

// Whoever fixes what is broken is not held up by it.
func TestABrokenKubeletIsFixedByTheRightSetting(t *testing.T) {
	all := []string{"m1", "n1", "n2"}
	f, inv := formed(t, 2)
	for _, h := range all { // as an older version left it
		require.NoError(t, f.Host(h).Write(kubeletYAML, "a lot"))
		fake, err := systemfake.Open(f.Host(h).Root, systemfake.Options{})
		require.NoError(t, err)
		require.NoError(t, fake.Systemd.Set("kubelet.service", systemfake.Unit{Enabled: true, Active: "activating", Invocations: 40}))
	}
	refuse(t, f, all, "kubelet.service", kubeletYAML, "a lot", false)
	outcome, err := apply(t, f, limits(inv, "a lot"))
	require.Error(t, err)
	require.Len(t, outcome.Result.Failed, 3)
	require.ErrorContains(t, outcome.Result.Failed[0].Err, "it did not work before this change either")
	outcome, err = apply(t, f, limits(inv, "300Mi"))
	require.NoError(t, err)
	assert.Empty(t, outcome.Plan.Waves, "they have nothing to lose")
	assert.Equal(t, all, holding(f, kubeletYAML, "300Mi", all...))
}

func TestOneBrokenHostHoldsUpNoOther(t *testing.T) {
	f, inv := formed(t, 2)
	fake, err := systemfake.Open(f.Host("n1").Root, systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, fake.Systemd.Set("kubelet.service", systemfake.Unit{Enabled: true, Active: "activating", Invocations: 40}))
	refuse(t, f, []string{"n1"}, "kubelet.service", kubeletYAML, "kind", false)
	outcome, err := apply(t, f, limits(inv, "300Mi"))
	require.Error(t, err)
	assert.Equal(t, "n1", onlyFailure(t, outcome).Address.Host)
	assert.Equal(t, []string{"m1", "n2"}, holding(f, kubeletYAML, "300Mi", "m1", "n2"))
}

// Killed at any step, the next run ends on the same: nobody but the first host
// has tried the setting.
func TestAKilledTrialIsEndedByTheNextRun(t *testing.T) {
	all := []string{"m1", "n1", "n2"}
	for _, point := range []string{`done m1/file["` + kubeletYAML + `"]`, `step m1/unit["kubelet.service"]`} {
		for _, value := range []string{"a lot", "300Mi"} {
			t.Run(filepath.Base(point)+" "+value, func(t *testing.T) {
				f, inv := formed(t, 2)
				refuse(t, f, all, "kubelet.service", kubeletYAML, "a lot", false)
				ctx, cancel := context.WithCancel(t.Context())
				o := f.Operator(limits(inv, value), func(o *provision.Options) {
					o.Point = func(name string) {
						if name == point {
							cancel()
						}
					}
				})
				_, err := o.Apply(ctx, yes)
				require.Error(t, err)
				require.NoError(t, o.Close())
				outcome, err := apply(t, f, limits(inv, value))
				if value == "300Mi" {
					require.NoError(t, err)
					assert.Equal(t, all, holding(f, kubeletYAML, value, all...))
					p, err := look(t, f, limits(inv, value))
					require.NoError(t, err)
					assert.True(t, p.Empty(), "%+v", p.Steps)
					return
				}
				require.ErrorContains(t, onlyFailure(t, outcome).Err, "m1 has its last working settings back")
				assert.Equal(t, "m1", outcome.Plan.Waves[0].Hosts[0])
				assert.Empty(t, holding(f, kubeletYAML, value, all...))
			})
		}
	}
}
