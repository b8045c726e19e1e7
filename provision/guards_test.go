package provision_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/cluster"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/drain"
	"provision/test/faults"
)

// newer is the inventory with another containerd, which needs empty Nodes.
func newer(inv *inventory.Inventory, tune ...func(*inventory.Inventory)) *inventory.Inventory {
	return edit(inv, func(i *inventory.Inventory) {
		i.Cluster.Versions = i.Cluster.Versions.With("containerd", "2.4.2")
		for _, t := range tune {
			t(i)
		}
	})
}

func drainOf(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: "drain", Name: host}
}

func uncordonOf(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: "uncordon", Name: host}
}

// cordoned are the Nodes that take no pods.
func cordoned(t *testing.T, f *fleettest.Fleet) []string {
	t.Helper()
	env, err := f.API.Env(t.Context())
	require.NoError(t, err)
	var list []string
	for _, name := range f.API.Names("Node") {
		object, err := env.Objects.Get(t.Context(), drain.Ref(name))
		require.NoError(t, err)
		state, err := drain.Read(name, object)
		require.NoError(t, err)
		if state.Cordoned {
			list = append(list, name)
		}
	}
	return list
}

func isNewer(f *fleettest.Fleet, host string) bool {
	return strings.Contains(f.Host(host).Read("/usr/local/bin/containerd"), "2.4.2")
}

func TestNodesAreDrainedOneAfterTheOther(t *testing.T) {
	f, inv := formed(t, 3)
	p, err := look(t, f, newer(inv))
	require.NoError(t, err)
	var waves [][]string
	for _, w := range p.Waves {
		waves = append(waves, w.Hosts)
	}
	assert.Equal(t, [][]string{{"m1"}, {"n1"}, {"n2"}, {"n3"}}, waves)

	f.API.Run("n2", cluster.Pod{Namespace: "default", Name: "web"})
	_, err = apply(t, f, newer(inv))
	require.NoError(t, err)
	assert.Equal(t, []string{"m1", "n1", "n2", "n3"}, f.API.Drained())
	assert.Empty(t, cordoned(t, f))
	again, err := apply(t, f, newer(inv))
	require.NoError(t, err)
	assert.True(t, again.Plan.Empty(), "%+v", again.Plan.Steps)
}

func TestManyWorkersMayGoAtOnce(t *testing.T) {
	f, inv := formed(t, 4)
	p, err := look(t, f, newer(inv, func(i *inventory.Inventory) { i.Rollout.MaxUnavailable, i.Rollout.Canary = "50%", 0 }))
	require.NoError(t, err)
	require.Len(t, p.Waves, 3)
	assert.Equal(t, []string{"n1", "n2"}, p.Waves[1].Hosts)
}

// A PodDisruptionBudget that does not let go stops the rollout; what follows
// goes on where it stopped.
func TestAWaveThatFailsStopsTheNext(t *testing.T) {
	f, inv := formed(t, 3)
	f.API.Run("n2", cluster.Pod{Namespace: "db", Name: "db-0"})
	f.API.Hold("n2", errors.New("the budget db allows none"))
	outcome, err := apply(t, f, newer(inv))
	require.ErrorContains(t, err, "cordoned until their change is done: n2;")
	assert.Equal(t, []string{"n2"}, cordoned(t, f))
	assert.True(t, isNewer(f, "m1") && isNewer(f, "n1"))
	assert.False(t, isNewer(f, "n2"), "what needs the Node empty is not done while it is not")
	assert.False(t, isNewer(f, "n3"), "no later wave starts")
	require.Len(t, outcome.Result.Failed, 1)
	require.ErrorContains(t, outcome.Result.Failed[0].Err, "db/db-0")

	p, err := look(t, f, newer(inv))
	require.NoError(t, err)
	require.Len(t, p.Waves, 2)
	assert.Equal(t, []string{"n2"}, p.Waves[0].Hosts)
	f.API.Hold("n2", nil)
	_, err = apply(t, f, newer(inv))
	require.NoError(t, err)
	assert.Equal(t, []string{"m1", "n1", "n2", "n3"}, f.API.Drained())
	assert.Empty(t, cordoned(t, f))
	faults.Record(t, "guards-pause", "a failed wave stops all later ones while the other Nodes serve; the next apply continues there",
		"a PodDisruptionBudget that lets no pod go, in the third of four waves", "1 of 4 Nodes cordoned, 1 never touched; the next apply drained only these 2")
}

func TestANodeThatIsNotWellAfterItsChangeStaysCordoned(t *testing.T) {
	f, inv := formed(t, 2)
	f.API.Sicken("n1", errors.New("container runtime is down"))
	_, err := apply(t, f, newer(inv))
	require.ErrorContains(t, err, "cordoned until their change is done: n1;")
	assert.True(t, isNewer(f, "n1"))
	assert.False(t, isNewer(f, "n2"))
	again, err := apply(t, f, newer(inv))
	require.Error(t, err)
	assert.True(t, again.Plan.Waves[0].Rest, "n1 has nothing left to change")
	assert.False(t, isNewer(f, "n2"), "and still stands before the others")

	f.API.Sicken("n1", nil)
	_, err = apply(t, f, newer(inv))
	require.NoError(t, err)
	assert.Empty(t, cordoned(t, f))
	assert.True(t, isNewer(f, "n2"))
}

func TestAFailedWaveIsTakenBack(t *testing.T) {
	f, inv := formed(t, 2)
	f.API.Sicken("n1", errors.New("container runtime is down"))
	_, err := apply(t, f, newer(inv))
	require.Error(t, err)
	f.API.Sicken("n1", nil)
	_, err = apply(t, f, inv)
	require.NoError(t, err)
	assert.Empty(t, cordoned(t, f))
	for _, h := range []string{"m1", "n1", "n2"} {
		assert.False(t, isNewer(f, h), h)
	}
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%+v", p.Steps)
}

func TestPodsThatNobodyMakesAgainStopTheRollout(t *testing.T) {
	f, inv := formed(t, 2)
	f.API.RunAlone("n1", cluster.Pod{Namespace: "default", Name: "bare"})
	p, err := look(t, f, newer(inv))
	require.NoError(t, err)
	assert.Contains(t, strings.Join(p.Warnings, "\n"), "Node n1 cannot be drained")
	assert.Contains(t, strings.Join(p.Warnings, "\n"), "default/bare")
	_, err = apply(t, f, newer(inv))
	require.Error(t, err)
	assert.Empty(t, cordoned(t, f), "it is not even cordoned")
	assert.False(t, isNewer(f, "n1"))
	assert.NotContains(t, err.Error(), "cordoned")

	_, err = apply(t, f, newer(inv, func(i *inventory.Inventory) { i.Rollout.EvictUnmanaged = true }))
	require.NoError(t, err)
	assert.True(t, isNewer(f, "n1") && isNewer(f, "n2"))
}

func TestWhatAPersonCordonedStays(t *testing.T) {
	f, inv := formed(t, 2)
	env, err := f.API.Env(t.Context())
	require.NoError(t, err)
	require.NoError(t, env.Objects.Merge(t.Context(), drain.Ref("n1"), cluster.Object{"spec": map[string]any{"unschedulable": true}}))
	kind := drain.New()
	spec := resource.New(resource.ClusterHost, drain.Name, "n2", drain.Spec{Stay: true}).Spec // as "node cordon" does
	require.NoError(t, kind.Apply(t.Context(), env, "n2", spec))
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%+v", p.Steps)
	_, err = apply(t, f, newer(inv))
	require.NoError(t, err)
	assert.Equal(t, []string{"n1", "n2"}, cordoned(t, f))
	assert.True(t, isNewer(f, "n1") && isNewer(f, "n2"))
}

func TestOneHostIsChangedWithoutADrain(t *testing.T) {
	inv := edit(load(t, "dc1", 0+1), func(i *inventory.Inventory) {
		i.Hosts = i.Hosts[:1]
		i.Hosts[0].Roles = []inventory.Role{inventory.RoleEtcd, inventory.RoleMaster, inventory.RoleNode}
	})
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	outcome, err := apply(t, f, newer(inv))
	require.NoError(t, err)
	assert.Contains(t, strings.Join(outcome.Plan.Warnings, "\n"), "no other Node can take its pods")
	assert.True(t, isNewer(f, "m1"))
	assert.Empty(t, f.API.Drained())
	assert.Empty(t, cordoned(t, f))
}

func TestANewHostTakesNoTurn(t *testing.T) {
	f, inv := formed(t, 1)
	more := load(t, "dc1", 2)
	require.NoError(t, f.Boot(more))
	outcome, err := apply(t, f, more)
	require.NoError(t, err)
	assert.Empty(t, outcome.Plan.Waves)
	assert.Empty(t, f.API.Drained())
	assert.NotEmpty(t, inv.Hosts)
}

func TestATargetIsDrainedToo(t *testing.T) {
	f, inv := formed(t, 3)
	outcome, err := apply(t, f, newer(inv), func(o *provision.Options) { o.Targets = []string{`n2/binary["/usr/local/bin/containerd"]`} })
	require.NoError(t, err)
	assert.NotNil(t, at(outcome.Plan, uncordonOf("n2")))
	assert.Equal(t, []string{"n2"}, f.API.Drained())
	assert.True(t, isNewer(f, "n2"))
	assert.False(t, isNewer(f, "n1"))
}

// Killed while a Node is cordoned, the next run ends the change and uncordons.
func TestInterruptedWavesGoOn(t *testing.T) {
	for _, point := range []string{"done " + drainOf("n1").String(), `done n1/unit["containerd.service"]`, "step " + uncordonOf("n1").String()} {
		t.Run(filepath.Base(point), func(t *testing.T) {
			f, inv := formed(t, 2)
			ctx, cancel := context.WithCancel(t.Context())
			o := f.Operator(newer(inv), func(o *provision.Options) {
				o.Point = func(name string) {
					if name == point {
						cancel()
					}
				}
			})
			outcome, err := o.Apply(ctx, yes)
			require.ErrorIs(t, err, context.Canceled)
			require.NoError(t, o.Close())
			require.NotNil(t, at(outcome.Plan, uncordonOf("n1")))
			_, err = apply(t, f, newer(inv))
			require.NoError(t, err)
			assert.Empty(t, cordoned(t, f))
			assert.True(t, isNewer(f, "n1") && isNewer(f, "n2"))
			p, err := look(t, f, newer(inv))
			require.NoError(t, err)
			assert.True(t, p.Empty(), "%+v", p.Steps)
		})
	}
}

// Also a Node whose turn does not come again is named while it is cordoned.
func TestWhatEarlierRunsCordonedIsNamed(t *testing.T) {
	f, inv := formed(t, 3)
	two := func(i *inventory.Inventory) { i.Rollout.MaxUnavailable, i.Rollout.Canary = "2", 0 }
	f.API.Hold("n1", errors.New("no budget"))
	f.API.Hold("n2", errors.New("no budget"))
	_, err := apply(t, f, newer(inv, two))
	require.ErrorContains(t, err, "cordoned until their change is done: n1, n2;")
	one := func(i *inventory.Inventory) { i.Rollout.MaxUnavailable, i.Rollout.Canary = "1", 0 }
	outcome, err := apply(t, f, newer(inv, one))
	require.ErrorContains(t, err, "cordoned until their change is done: n1, n2;")
	require.Len(t, outcome.Result.Failed, 1, "n2's turn did not come")
	assert.False(t, isNewer(f, "n3"))
}

func TestHostsThatLeaveAreDrainedAsTheInventorySays(t *testing.T) {
	f, inv := formed(t, 2)
	f.API.RunAlone("n2", cluster.Pod{Namespace: "default", Name: "bare"})
	_, err := apply(t, f, without(inv, "n2"))
	require.Error(t, err)
	assert.Contains(t, f.API.Names("Node"), "n2")
	_, err = apply(t, f, edit(without(inv, "n2"), func(i *inventory.Inventory) { i.Rollout.EvictUnmanaged = true }))
	require.NoError(t, err)
	assert.NotContains(t, f.API.Names("Node"), "n2")
}
