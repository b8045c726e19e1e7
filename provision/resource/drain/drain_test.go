package drain

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// api is a Node with pods.
type api struct {
	node      cluster.Object
	pods      []cluster.Pod
	unmanaged []cluster.Pod
	stuck     error
	log       []string
}

func (a *api) Get(context.Context, cluster.Ref) (cluster.Object, error) { return a.node, nil }
func (a *api) Create(context.Context, cluster.Object) error             { return nil }
func (a *api) Apply(context.Context, cluster.Object) error              { return nil }
func (a *api) Contents(context.Context, string) ([]cluster.Ref, error)  { return nil, nil }

func (a *api) Delete(context.Context, cluster.Ref) error { return nil }
func (a *api) Merge(_ context.Context, _ cluster.Ref, patch cluster.Object) error {
	a.log = append(a.log, "merge")
	a.node = cluster.Object{"metadata": patch["metadata"], "spec": patch["spec"]}
	return nil
}

func (a *api) Evictable(context.Context, string) (pods, unmanaged []cluster.Pod, err error) {
	return a.pods, a.unmanaged, nil
}

func (a *api) Drain(_ context.Context, _ string, how cluster.Drain) error {
	a.log = append(a.log, "drain "+how.Timeout.String())
	if a.stuck == nil {
		a.pods = nil
	}
	return a.stuck
}

func env(a *api) *cluster.Env { return &cluster.Env{Objects: a, Pods: a} }

func node() cluster.Object {
	return cluster.Object{"metadata": cluster.Object{}, "spec": cluster.Object{}}
}

func TestDrainCordonsThenEvicts(t *testing.T) {
	a := &api{node: node(), pods: []cluster.Pod{{Namespace: "default", Name: "web"}}}
	have, err := Kind{}.Observe(t.Context(), env(a), "n1", Spec{})
	require.NoError(t, err)
	assert.Equal(t, []resource.Change{{Field: "schedulable", Old: "yes", New: "no"}, {Field: "pods", Old: "default/web", New: "evicted"}},
		Kind{}.Diff("n1", Spec{}, have))
	require.NoError(t, Kind{}.Apply(t.Context(), env(a), "n1", Spec{}))
	assert.Equal(t, []string{"merge", "drain 5m0s"}, a.log)

	have, err = Kind{}.Observe(t.Context(), env(a), "n1", Spec{})
	require.NoError(t, err)
	assert.True(t, have.Cordoned && have.Ours)
	assert.Empty(t, Kind{}.Diff("n1", Spec{}, have))
}

func TestMissingNodeIsDrained(t *testing.T) {
	a := &api{}
	have, err := Kind{}.Observe(t.Context(), env(a), "n1", Spec{})
	require.NoError(t, err)
	assert.Empty(t, Kind{}.Diff("n1", Spec{}, have))
	require.NoError(t, Kind{}.Apply(t.Context(), env(a), "n1", Spec{}))
	assert.Empty(t, a.log)
}

func TestUnmanagedPodsAreNotEvictedUnasked(t *testing.T) {
	bare := []cluster.Pod{{Namespace: "default", Name: "bare"}}
	a := &api{node: node(), pods: bare, unmanaged: bare}
	assert.ErrorContains(t, Kind{}.Apply(t.Context(), env(a), "n1", Spec{}), "default/bare")
	assert.Empty(t, a.log, "not even cordoned")
	require.NoError(t, Kind{}.Apply(t.Context(), env(a), "n1", Spec{Unmanaged: true}))
}

func TestStuckDrainNamesThePods(t *testing.T) {
	a := &api{node: node(), pods: []cluster.Pod{{Namespace: "db", Name: "quorum-0"}}, stuck: errors.New("budget")}
	err := Kind{}.Apply(t.Context(), env(a), "n1", Spec{})
	assert.ErrorContains(t, err, "db/quorum-0")
	assert.ErrorContains(t, err, "PodDisruptionBudgets")
}

func TestRestoreUncordonsOnlyWhatWasSchedulable(t *testing.T) {
	a := &api{node: node()}
	require.NoError(t, Kind{}.Restore(t.Context(), env(a), "n1", State{Exists: true, Cordoned: true}))
	require.NoError(t, Kind{}.Restore(t.Context(), env(a), "n1", State{}))
	assert.Empty(t, a.log)
	require.NoError(t, Kind{}.Restore(t.Context(), env(a), "n1", State{Exists: true}))
	assert.Equal(t, []string{"merge"}, a.log)
}

func TestManyPodsAreCounted(t *testing.T) {
	var pods []cluster.Pod
	for range 7 {
		pods = append(pods, cluster.Pod{Namespace: "a", Name: "b"})
	}
	assert.Contains(t, count(pods), "and 2 more")
	assert.Error(t, Kind{}.Check("", Spec{}))
	assert.Error(t, Kind{}.Check("n1", Spec{Timeout: -1}))
	assert.NoError(t, Kind{}.Check("n1", Spec{}))
}

func TestOneThatStaysIsOnlyCordoned(t *testing.T) {
	bare := []cluster.Pod{{Namespace: "default", Name: "bare"}}
	a := &api{node: node(), pods: bare, unmanaged: bare}
	a.node["spec"] = cluster.Object{"taints": []any{cluster.Object{"key": IsolatedTaint, "effect": "NoSchedule"}}}
	have, err := Kind{}.Observe(t.Context(), env(a), "n1", Spec{Stay: true})
	require.NoError(t, err)
	assert.True(t, have.Isolated)
	assert.Equal(t, []resource.Change{{Field: "schedulable", Old: "yes", New: "no"}}, Kind{}.Diff("n1", Spec{Stay: true}, have))
	require.NoError(t, Kind{}.Apply(t.Context(), env(a), "n1", Spec{Stay: true}))
	assert.Equal(t, []string{"merge"}, a.log)
}

// Who wants a Node cordoned is on it: what a change needed ends with the change.
func TestTheCordonSaysWhatItIsFor(t *testing.T) {
	for _, rollout := range []bool{true, false} {
		a := &api{node: node()}
		require.NoError(t, Kind{}.Apply(t.Context(), env(a), "n1", Spec{Rollout: rollout}))
		have, err := Kind{}.Observe(t.Context(), env(a), "n1", Spec{})
		require.NoError(t, err)
		assert.True(t, have.Ours)
		assert.Equal(t, rollout, have.Rollout)
	}
}

// The change that a drain makes way for may be what fixes the Node.
func TestPodsOfANodeThatIsNotReadyStay(t *testing.T) {
	bare := []cluster.Pod{{Namespace: "default", Name: "bare"}}
	for status, drained := range map[string]bool{"True": true, "False": false, "Unknown": false} {
		n := node()
		n["status"] = cluster.Object{"conditions": []any{cluster.Object{"type": "Ready", "status": status}}}
		a := &api{node: n, pods: bare}
		var said string
		e := env(a)
		e.Progress = func(text string) { said = text }
		require.NoError(t, Kind{}.Apply(t.Context(), e, "n1", Spec{ReadyOnly: true}))
		assert.Equal(t, drained, len(a.pods) == 0, status)
		assert.Equal(t, "merge", a.log[0], "it is cordoned all the same")
		assert.Equal(t, !drained, strings.Contains(said, "is not Ready"), status)
	}
	a := &api{node: node(), pods: bare, unmanaged: bare}
	assert.NoError(t, Kind{}.Apply(t.Context(), env(a), "n1", Spec{ReadyOnly: true}), "none of them is evicted")
}
