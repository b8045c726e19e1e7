package provision_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/test/faults"
)

func TestANodeJoinsWhileAnotherHostIsDead(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	others := map[string]map[string]string{"m1": files(t, f.Host("m1")), "n1": files(t, f.Host("n1")), "n2": files(t, f.Host("n2"))}
	f.Host("n2").Fail(sshtest.Refuse)
	grown := load(t, "dc1", 3)
	require.NoError(t, f.Boot(grown))

	began := time.Now()
	outcome, err := apply(t, f, grown)
	took := time.Since(began)
	require.ErrorContains(t, err, "host n2 was skipped", "the exit code is 1")
	assert.Empty(t, outcome.Result.Failed)
	assert.Equal(t, []string{"m1", "n1", "n2", "n3"}, f.API.Names("Node"))
	steps := hostsOf(outcome.Plan)
	for name, was := range others {
		assert.Zero(t, steps[name], "steps on %s", name)
		assert.Empty(t, differing(was, files(t, f.Host(name))), "%s is not touched", name)
	}
	f.Host("n2").Fail(sshtest.None)
	again, err := apply(t, f, grown)
	require.NoError(t, err)
	assert.True(t, again.Plan.Empty(), "what was dead lacks nothing: %+v", again.Plan.Steps)
	require.False(t, t.Failed())
	faults.Record(t, "replace-add-while-dead", "A node joins while another host of the cluster is dead: the dead one is named, the exit code is 1, no other host is touched",
		"one of two workers refuses connections while a third is added; the whole fleet in one process", "the new one had joined after %.1f s", took.Seconds())
}
