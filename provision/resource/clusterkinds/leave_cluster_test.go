//go:build cluster

package clusterkinds

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"provision/provision/cluster"
	"provision/provision/clusterledger"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/object"
	"provision/provision/resource/release"
)

// shop is a release with a namespace of its own and a volume.
func shop(replicas int) resource.Resource {
	spec := webRelease("1", replicas)
	spec.Namespace = "shop"
	spec.Chart["templates/volume.yaml"] = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`
	return resource.New(resource.ClusterHost, release.Name, "web", spec)
}

func store(point func(string)) *clusterledger.Store { return clusterledger.New(All(), point) }

func quiet(string) {}

func leave(t *testing.T, env *cluster.Env, wanted ...resource.Resource) plan.Ledger {
	t.Helper()
	seen := map[resource.Address]plan.ClusterObserved{}
	for _, r := range wanted {
		seen[r.Address] = plan.ClusterObserved{}
	}
	found, err := store(quiet).Look(t.Context(), env, wanted, seen)
	require.NoError(t, err)
	return found
}

func TestWhatLeavesTheInventoryLeavesTheAPI(t *testing.T) {
	s := newSuite(t)
	env, ctx := s.env(t, nil), t.Context()
	role := resource.New(resource.ClusterHost, object.Name, "ClusterRoleBinding/operators", object.Spec{Object: binding("operators")})
	for _, r := range []resource.Resource{role, shop(1)} {
		require.NoError(t, store(quiet).Apply(ctx, env, r))
	}
	require.Empty(t, leave(t, env, role, shop(1)).Leaving)

	gone := leave(t, env)
	require.Len(t, gone.Leaving, 2)
	var told []string
	for _, c := range gone.Leaving[0].Changes {
		told = append(told, c.Field+" "+c.Old+": "+c.New)
	}
	assert.Contains(t, told, "object Deployment web: deleted")
	assert.Contains(t, told, "object PersistentVolumeClaim data: stays: data may be lost with it; delete it yourself")
	assert.Contains(t, told, "namespace shop: deleted, unless anything else is in it")

	for range 2 {
		for _, goes := range gone.Leaving {
			require.NoError(t, store(quiet).Remove(ctx, env, goes.Address))
		}
	}
	get := func(apiVersion, kind, namespace, name string) cluster.Object {
		found, err := env.Objects.Get(ctx, cluster.Ref{APIVersion: apiVersion, Kind: kind, Namespace: namespace, Name: name})
		require.NoError(t, err)
		return found
	}
	assert.Nil(t, get("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "operators"))
	assert.Nil(t, get("apps/v1", "Deployment", "shop", "web"))
	assert.NotNil(t, get("v1", "PersistentVolumeClaim", "shop", "data"), "volumes stay")
	assert.NotContains(t, get("v1", "Namespace", "", "shop")["metadata"], "deletionTimestamp", "and their namespace")
	assert.Empty(t, leave(t, env).Leaving)

	require.NoError(t, env.Objects.Merge(ctx, cluster.Ref{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "data"},
		cluster.Object{"metadata": cluster.Object{"finalizers": nil}}))
	require.NoError(t, env.Objects.Delete(ctx, cluster.Ref{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "data"}))
	contents, err := env.Objects.Contents(ctx, "shop")
	require.NoError(t, err)
	assert.Empty(t, contents)
}

// Killed between ledger and change, and with the ledger lost, provision knows
// what is its own, by what the objects tell.
func TestALostLedgerIsMadeAnewFromTheAPI(t *testing.T) {
	s := newSuite(t)
	env, ctx := s.env(t, nil), t.Context()
	ours := resource.New(resource.ClusterHost, object.Name, "ClusterRoleBinding/operators", object.Spec{Object: binding("operators")})
	foreign := binding("operators")
	foreign["metadata"] = map[string]any{"name": "theirs", "labels": map[string]any{"a": "1"}}
	theirs := resource.New(resource.ClusterHost, object.Name, "ClusterRoleBinding/theirs", object.Spec{Object: foreign})
	wanted := []resource.Resource{ours, theirs, shop(1)}
	for _, r := range wanted {
		require.NoError(t, store(quiet).Apply(ctx, env, r))
	}
	// Somebody else writes one of them.
	ref := cluster.Ref{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding", Name: "theirs"}
	_, err := s.client.Dynamic().Resource(schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"}).
		Patch(ctx, ref.Name, types.MergePatchType, []byte(`{"metadata":{"annotations":{"by":"them"}}}`), metav1.PatchOptions{FieldManager: "kubectl"})
	require.NoError(t, err)
	require.NoError(t, env.Objects.Delete(ctx, clusterledger.Ref()))

	lost := leave(t, env, wanted...)
	assert.Contains(t, lost.Lost, "there is no Secret kube-system/provision-ledger")
	assert.Len(t, lost.Adopt, 3)
	require.NoError(t, store(quiet).Record(ctx, env, wanted...))
	for _, goes := range leave(t, env).Leaving {
		require.NoError(t, store(quiet).Remove(ctx, env, goes.Address))
	}
	left, err := env.Objects.Get(ctx, ref)
	require.NoError(t, err)
	assert.NotNil(t, left, "it may have been there before")
	left, err = env.Objects.Get(ctx, cluster.Ref{APIVersion: ref.APIVersion, Kind: ref.Kind, Name: "operators"})
	require.NoError(t, err)
	assert.Nil(t, left)
	history, err := env.Releases.History(ctx, "shop", "web")
	require.NoError(t, err)
	assert.Empty(t, history)
}

// An upgrade of a release shows which values and fields it changes.
func TestAnUpgradeTellsWhatItChanges(t *testing.T) {
	s := newSuite(t)
	env, ctx := s.env(t, nil), t.Context()
	kind := release.New()
	before, after := webRelease("1", 1), webRelease("1", 2)
	after.Chart["Chart.yaml"] = strings.Replace(after.Chart["Chart.yaml"], "1.0.0", "1.1.0", 1)
	require.NoError(t, kind.Apply(ctx, env, "web", raw(t, before)))
	have, err := kind.Observe(ctx, env, "web", raw(t, after))
	require.NoError(t, err)
	changes, err := kind.Diff("web", raw(t, after), have)
	require.NoError(t, err)
	assert.Equal(t, []resource.Change{
		{Field: "chart", Old: "web 1.0.0", New: "web 1.1.0"},
		{Field: "values.replicas", Old: "1", New: "2"},
		{Field: "Deployment web spec.replicas", Old: "1", New: "2"},
	}, changes)
}

// A field that leaves a manifest is named, by what the API server keeps of it.
func TestADroppedFieldIsNamed(t *testing.T) {
	s := newSuite(t)
	env, ctx := s.env(t, nil), t.Context()
	kind, want := object.New(), binding("operators")
	require.NoError(t, kind.Apply(ctx, env, "x", raw(t, object.Spec{Object: want})))
	want["metadata"] = map[string]any{"name": "operators"}
	spec := raw(t, object.Spec{Object: want})
	have, err := kind.Observe(ctx, env, "x", spec)
	require.NoError(t, err)
	changes, err := kind.Diff("x", spec, have)
	require.NoError(t, err)
	assert.Equal(t, []resource.Change{{Field: "metadata.labels", Old: `{"a":"1"}`}}, changes)
	require.NoError(t, kind.Apply(ctx, env, "x", spec))
	have, err = kind.Observe(ctx, env, "x", spec)
	require.NoError(t, err)
	changes, err = kind.Diff("x", spec, have)
	require.NoError(t, err)
	assert.Empty(t, changes)
}

// A run that is killed right after the ledger was written is completed, or undone.
func TestKilledBetweenLedgerAndChange(t *testing.T) {
	s := newSuite(t)
	env, ctx := s.env(t, nil), t.Context()
	role := resource.New(resource.ClusterHost, object.Name, "ClusterRoleBinding/operators", object.Spec{Object: binding("operators")})
	killed := errors.New("killed")
	func() {
		defer func() { assert.Equal(t, killed, recover()) }()
		_ = store(func(string) { panic(killed) }).Apply(ctx, env, role)
	}()
	gone := leave(t, env)
	require.Len(t, gone.Leaving, 1)
	assert.Equal(t, "is deleted already", gone.Leaving[0].Changes[0].New)
	require.NoError(t, store(quiet).Remove(ctx, env, role.Address))
	assert.Empty(t, leave(t, env).Leaving)
}
