package provision_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/cluster"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/inventory"
	"provision/provision/resource/drain"
)

func care(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, act string, hosts ...string) ([]provision.NodeOutcome, error) {
	t.Helper()
	o := f.Operator(inv)
	defer func() { require.NoError(t, o.Close()) }()
	return o.ActOnNodes(t.Context(), provision.NodeAction{Act: act, Hosts: hosts})
}

// nodeState is a Node as drains see it.
func nodeState(t *testing.T, f *fleettest.Fleet, name string) drain.State {
	t.Helper()
	env, err := f.API.Env(t.Context())
	require.NoError(t, err)
	object, err := env.Objects.Get(t.Context(), drain.Ref(name))
	require.NoError(t, err)
	state, err := drain.Read(name, object)
	require.NoError(t, err)
	return state
}

func isolating(back bool, hosts ...string) func(*provision.Options) {
	return func(o *provision.Options) { o.Task = &provision.Isolation{Hosts: hosts, Recover: back} }
}

func TestNodesAreCaredFor(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := care(t, f, inv, provision.NodeDrain, "n1")
	require.ErrorContains(t, err, "does not exist yet")
	_, err = apply(t, f, inv)
	require.NoError(t, err)
	f.API.Run("n1", cluster.Pod{Namespace: "default", Name: "web"})

	list, err := care(t, f, inv, provision.NodeDrain, "n1")
	require.NoError(t, err)
	assert.Equal(t, []provision.NodeOutcome{{Host: "n1", Changed: true}}, list)
	assert.True(t, nodeState(t, f, "n1").Cordoned)
	assert.Equal(t, []string{"n1"}, f.API.Drained())
	again, err := apply(t, f, inv)
	require.NoError(t, err)
	assert.True(t, again.Plan.Empty(), "an apply leaves it so: %+v", again.Plan.Steps)
	assert.True(t, nodeState(t, f, "n1").Cordoned)

	list, err = care(t, f, inv, provision.NodeUncordon, "n1", "n2")
	require.NoError(t, err)
	assert.Equal(t, []provision.NodeOutcome{{Host: "n1", Changed: true}, {Host: "n2"}}, list)
	assert.False(t, nodeState(t, f, "n1").Cordoned)
	list, err = care(t, f, inv, provision.NodeCordon, "n2")
	require.NoError(t, err)
	assert.True(t, list[0].Changed && nodeState(t, f, "n2").Cordoned)
}

func TestAnIsolatedHostStaysSoUntilItRecovers(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.Run("n1", cluster.Pod{Namespace: "default", Name: "web"})

	_, err = apply(t, f, inv, isolating(false, "n1"))
	require.NoError(t, err)
	state := nodeState(t, f, "n1")
	assert.True(t, state.Isolated && state.Cordoned, "%+v", state)
	assert.Equal(t, []string{"n1"}, f.API.Drained())
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%+v", p.Steps)
	_, err = care(t, f, inv, provision.NodeUncordon, "n1")
	require.ErrorContains(t, err, "node recover n1")
	labelled := edit(inv, func(i *inventory.Inventory) {
		for at := range i.Hosts {
			i.Hosts[at].Labels = map[string]string{"disk": "ssd"}
		}
	})
	_, err = apply(t, f, labelled)
	require.NoError(t, err, "it is configured like all others")
	assert.True(t, nodeState(t, f, "n1").Isolated)

	_, err = apply(t, f, labelled, isolating(true, "n2"))
	require.ErrorContains(t, err, "not isolated")
	f.Host("n1").Fail(sshtest.Refuse)
	_, err = apply(t, f, labelled, isolating(true, "n1"))
	require.ErrorContains(t, err, "does not answer")
	f.Host("n1").Fail(sshtest.None)
	_, err = apply(t, f, labelled, isolating(true, "n1"))
	require.NoError(t, err)
	state = nodeState(t, f, "n1")
	assert.False(t, state.Isolated || state.Cordoned, "%+v", state)
	p, err = look(t, f, labelled)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%+v", p.Steps)
}

func TestAHostThatDoesNotAnswerIsIsolatedToo(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.Host("n1").Fail(sshtest.Refuse)
	_, _ = apply(t, f, inv, isolating(false, "n1"))
	state := nodeState(t, f, "n1")
	assert.True(t, state.Isolated && state.Cordoned, "%+v", state)
}

func TestTheLastMasterIsNotIsolated(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	_, err = apply(t, f, inv, isolating(false, "m1"))
	require.ErrorContains(t, err, "no other master is in service")
	assert.False(t, nodeState(t, f, "m1").Cordoned)
}
