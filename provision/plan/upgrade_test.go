package plan_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
)

// tiered is a part of a tier.
type tiered struct {
	part
	tier component.Tier
}

func (t tiered) Tier() component.Tier { return t.tier }

func program(host, name string) resource.Resource {
	return resource.New(host, "binary", "/usr/local/bin/"+name, 1).Restarting(name + ".service")
}

// stack is a data center of three etcd hosts with masters on them, and a worker.
func stack(t *testing.T) (*desired.Graph, []string) {
	t.Helper()
	keepers, all := []string{"m1", "m2", "m3"}, []string{"m1", "m2", "m3", "w1"}
	programs := func(hosts []string, names ...string) map[string][]resource.Resource {
		want := map[string][]resource.Resource{}
		for _, h := range hosts {
			for _, name := range names {
				bin := program(h, name)
				want[h] = append(want[h], bin, service(h, name+".service").After(bin.Address))
			}
		}
		return want
	}
	parts := []component.Component{
		tiered{part{"kubelet", component.Parallel, programs(all, "kubelet")}, component.TierNodes},
		tiered{part{"controlplane", component.OneAtATime, programs(keepers, "apiserver", "manager", "scheduler")}, component.TierServers},
		tiered{part{"etcd", component.OneAtATime, programs(keepers, "etcd")}, component.TierStore},
	}
	// As in every cluster, objects come after API servers, and so the graph has
	// those of all hosts before the rest of any.
	gate := desired.Gate{Address: desired.GateAddress("kubernetes-api"), Need: 1}
	for _, h := range keepers {
		gate.Of = append(gate.Of, service(h, "apiserver.service").Address)
	}
	in := desired.Input{Cluster: &component.Cluster{}, Components: parts, Gates: []desired.Gate{gate},
		Objects: []resource.Resource{resource.New(resource.ClusterHost, "node", "w1", 1).After(gate.Address)}}
	for _, h := range all {
		in.Hosts = append(in.Hosts, inventory.Host{Name: h})
	}
	g, err := desired.Build(in)
	require.NoError(t, err)
	return g, all
}

// replaced is a data center in which every program differs; on the hosts of
// running all units run.
func replaced(g *desired.Graph, running []string, programs ...string) map[string]plan.Observed {
	seen := map[string]plan.Observed{}
	for host, list := range g.ByHost() {
		if host == resource.ClusterHost {
			continue
		}
		var differ []resource.Resource
		var units []string
		for _, r := range list {
			if r.Address.Kind == "unit" {
				units = append(units, r.Address.Name)
			} else if name := r.Address.Name[len("/usr/local/bin/"):]; len(programs) == 0 || slices.Contains(programs, name) {
				differ = append(differ, r)
			}
		}
		if !slices.Contains(running, host) {
			units = nil
		}
		seen[host] = differs(units, differ...)
	}
	return seen
}

// after reports whether a step comes after another in every run of the plan.
func after(p *plan.Plan, a, b resource.Address) bool {
	requires := map[resource.Address][]resource.Address{}
	for _, s := range p.Steps {
		requires[s.Address] = append(slices.Clone(s.Requires), s.Of...)
	}
	seen := map[resource.Address]bool{}
	var reach func(x resource.Address) bool
	reach = func(x resource.Address) bool {
		if x == b {
			return true
		}
		if seen[x] {
			return false
		}
		seen[x] = true
		return slices.ContainsFunc(requires[x], reach)
	}
	return a != b && reach(a)
}

func unitOf(host, name string) resource.Address { return service(host, name+".service").Address }

func TestProgramsAreReplacedTierAfterTierAndHostAfterHost(t *testing.T) {
	g, all := stack(t)
	p := build(g, replaced(g, all))
	order := []resource.Address{}
	for _, h := range []string{"m1", "m2", "m3"} {
		order = append(order, program(h, "etcd").Address, unitOf(h, "etcd"))
	}
	for _, h := range []string{"m1", "m2", "m3"} {
		for _, name := range []string{"apiserver", "manager", "scheduler"} {
			order = append(order, program(h, name).Address, unitOf(h, name))
		}
	}
	order = append(order, plan.ControlPlaneGate())
	for i := range order[1:] {
		assert.True(t, after(p, order[i+1], order[i]), "%s comes after %s", order[i+1], order[i])
	}
	for _, h := range all {
		assert.True(t, after(p, program(h, "kubelet").Address, plan.ControlPlaneGate()), "no kubelet is newer than any API server")
		assert.True(t, after(p, unitOf(h, "kubelet"), program(h, "kubelet").Address))
	}
	assert.False(t, after(p, unitOf("w1", "kubelet"), unitOf("m1", "kubelet")), "waves of Nodes are not made here")
}

func TestAFirstInstallationKnowsNoTiers(t *testing.T) {
	g, _ := stack(t)
	p := build(g, replaced(g, nil))
	for _, s := range p.Steps {
		assert.NotEqual(t, plan.ControlPlaneGate(), s.Address)
		assert.Empty(t, s.Requires, "%s", s.Address)
	}
}

func TestAHostThatJoinsDuringAnUpgradeWaitsForItsTier(t *testing.T) {
	g, _ := stack(t)
	p := build(g, replaced(g, []string{"m1", "m2", "w1"}))
	assert.True(t, after(p, program("m3", "kubelet").Address, plan.ControlPlaneGate()), "a kubelet that is new to the cluster")
	assert.True(t, after(p, program("m3", "apiserver").Address, unitOf("m2", "etcd")), "an API server that is new to the cluster")
	assert.False(t, after(p, program("m3", "apiserver").Address, unitOf("m1", "apiserver")), "it takes nobody's turn")
	assert.False(t, after(p, plan.ControlPlaneGate(), program("m3", "apiserver").Address), "nobody waits for it")
}

func TestARestartThatAnEarlierRunLeftOpenKeepsItsPlace(t *testing.T) {
	g, all := stack(t)
	seen := replaced(g, all, "kubelet", "none")
	open := seen["m2"]
	open.Result.Restarts = map[string]facts.Restart{"apiserver.service": {Action: "restart", Cause: program("m2", "apiserver").Address.String()}}
	seen["m2"] = open
	p := build(g, seen)
	gate := find(t, p, plan.ControlPlaneGate())
	assert.Equal(t, []resource.Address{unitOf("m2", "apiserver")}, gate.Of)
	assert.True(t, after(p, program("w1", "kubelet").Address, unitOf("m2", "apiserver")))
}

func TestOtherChangesOfTheControlPlaneHoldUpNobody(t *testing.T) {
	g, all := stack(t)
	p := build(g, replaced(g, all, "kubelet"))
	for _, s := range p.Steps {
		assert.NotEqual(t, plan.ControlPlaneGate(), s.Address)
	}
}

func TestNoNodeIsEmptiedBeforeTheControlPlaneIsDone(t *testing.T) {
	_, all := stack(t)
	drain := resource.New(resource.ClusterHost, "drain", "w1", 1)
	uncordon := resource.New(resource.ClusterHost, "uncordon", "w1", 1)
	kubelet := program("w1", "kubelet").Draining()
	in := desired.Input{Cluster: &component.Cluster{}, Objects: []resource.Resource{uncordon},
		Guards: map[string]desired.Guard{"w1": {Drain: drain, Uncordon: uncordon.Address, Unit: "kubelet.service"}}}
	for _, h := range all {
		in.Hosts = append(in.Hosts, inventory.Host{Name: h})
	}
	in.Components = []component.Component{
		tiered{part{"controlplane", component.OneAtATime, map[string][]resource.Resource{"m1": {program("m1", "apiserver"), service("m1", "apiserver.service")}}}, component.TierServers},
		tiered{part{"kubelet", component.Parallel, map[string][]resource.Resource{"w1": {kubelet, service("w1", "kubelet.service").After(kubelet.Address)}}}, component.TierNodes},
	}
	g, err := desired.Build(in)
	require.NoError(t, err)
	p := build(g, map[string]plan.Observed{
		"m1": differs([]string{"apiserver.service"}, program("m1", "apiserver")), "w1": differs([]string{"kubelet.service"}, kubelet)})
	assert.True(t, after(p, find(t, p, drain.Address).Address, plan.ControlPlaneGate()))
	assert.True(t, after(p, kubelet.Address, drain.Address))
	assert.True(t, after(p, uncordon.Address, unitOf("w1", "kubelet")))
}
