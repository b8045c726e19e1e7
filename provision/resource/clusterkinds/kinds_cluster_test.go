//go:build cluster

package clusterkinds

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/kube/kubetest"
	"provision/provision/resource/etcdmember"
	"provision/provision/resource/node"
	"provision/provision/resource/object"
	"provision/provision/resource/release"
)

func TestConformance(t *testing.T) {
	s := newSuite(t)
	t.Run(node.Name, func(t *testing.T) {
		s.conform(t, node.New(), "m1", node.Spec{
			Labels:      map[string]string{node.ControlPlane: "", "disk": "ssd"},
			Annotations: map[string]string{"example.org/note": "x"},
			Taints:      []node.Taint{{Key: node.ControlPlane, Effect: "NoSchedule"}},
			PodCIDRs:    []string{"10.32.0.0/24"},
		})
	})
	t.Run(object.Name, func(t *testing.T) {
		s.conform(t, object.New(), "ClusterRoleBinding/operators", object.Spec{Object: binding("operators")})
	})
	t.Run(release.Name, func(t *testing.T) { s.conform(t, release.New(), "web", webRelease("1", 2)) })
}

func binding(subjects ...string) map[string]any {
	var list []any
	for _, name := range subjects {
		list = append(list, map[string]any{"kind": "Group", "name": name, "apiGroup": "rbac.authorization.k8s.io"})
	}
	return map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
		"metadata": map[string]any{"name": "operators", "labels": map[string]any{"a": "1"}},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
		"subjects": list,
	}
}

func TestNodeKeepsWhatOthersSet(t *testing.T) {
	s := newSuite(t)
	env, kind, ctx := s.env(t, nil), node.New(), t.Context()
	ref := cluster.Ref{APIVersion: "v1", Kind: "Node", Name: "n1"}
	apply := func(spec node.Spec) error {
		raw, err := json.Marshal(spec)
		require.NoError(t, err)
		return kind.Apply(ctx, env, "n1", raw)
	}
	require.NoError(t, apply(node.Spec{
		Labels: map[string]string{"ours": "1", "gone": "1"}, PodCIDRs: []string{"10.32.1.0/24"},
		Taints: []node.Taint{{Key: "a", Value: "1", Effect: "NoSchedule"}, {Key: "b", Effect: "NoExecute"}},
	}))
	// Somebody else labels and cordons.
	require.NoError(t, s.client.Merge(ctx, ref, cluster.Object{
		"metadata": cluster.Object{"labels": cluster.Object{"theirs": "1"}}, "spec": cluster.Object{"unschedulable": true},
	}))
	require.NoError(t, apply(node.Spec{Labels: map[string]string{"ours": "2"}, PodCIDRs: []string{"10.32.1.0/24"},
		Taints: []node.Taint{{Key: "a", Value: "2", Effect: "NoSchedule"}}}))

	object, err := s.client.Get(ctx, ref)
	require.NoError(t, err)
	labels := object["metadata"].(map[string]any)["labels"].(map[string]any)
	assert.Equal(t, "2", labels["ours"])
	assert.Equal(t, "1", labels["theirs"])
	assert.NotContains(t, labels, "gone")
	spec := object["spec"].(map[string]any)
	assert.Equal(t, true, spec["unschedulable"])
	var keys []any
	for _, taint := range spec["taints"].([]any) {
		keys = append(keys, taint.(map[string]any)["key"])
	}
	assert.ElementsMatch(t, []any{"node.kubernetes.io/not-ready", "a"}, keys, "the API server's own taint stays")

	err = apply(node.Spec{PodCIDRs: []string{"10.32.2.0/24"}})
	assert.ErrorContains(t, err, "Kubernetes never changes them")
}

func TestObjectFindsDriftAndDroppedFields(t *testing.T) {
	s := newSuite(t)
	env, kind, ctx := s.env(t, nil), object.New(), t.Context()
	raw := func(content map[string]any) json.RawMessage {
		text, err := json.Marshal(object.Spec{Object: content})
		require.NoError(t, err)
		return text
	}
	require.NoError(t, kind.Apply(ctx, env, "x", raw(binding("operators", "others"))))
	s.same(t, kind, "x", raw(binding("operators", "others")))

	fewer := binding("operators")
	delete(fewer["metadata"].(map[string]any), "labels")
	require.NoError(t, kind.Apply(ctx, env, "x", raw(fewer)))
	s.same(t, kind, "x", raw(fewer))
	ref := cluster.Ref{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRoleBinding", Name: "operators"}
	live, err := s.client.Get(ctx, ref)
	require.NoError(t, err)
	assert.Len(t, live["subjects"], 1)
	assert.NotContains(t, live["metadata"], "labels", "a dropped field is removed")

	require.NoError(t, s.client.Merge(ctx, ref, cluster.Object{"subjects": nil}))
	have, err := kind.Observe(ctx, env, "x", raw(fewer))
	require.NoError(t, err)
	changes, err := kind.Diff("x", raw(fewer), have)
	require.NoError(t, err)
	require.Len(t, changes, 1)
	assert.Equal(t, "subjects", changes[0].Field)
}

func TestEtcdMemberJoinsIsPromotedAndLeaves(t *testing.T) {
	ca := kubetest.NewCA(t)
	first := kubetest.StartEtcd(t, ca, "e1", "", "")
	client := kubetest.EtcdClient(t, ca, first.ClientURL)
	env, kind, ctx := &cluster.Env{Members: client, Now: time.Now}, etcdmember.New(), t.Context()
	peer := "http://127.0.0.1:" + kubetest.Port(t)
	spec := func(role etcdmember.Role, replaces string) json.RawMessage {
		raw, err := json.Marshal(etcdmember.Spec{Member: "e2", PeerURLs: []string{peer}, Role: role, Replaces: replaces, Timeout: time.Minute})
		require.NoError(t, err)
		return raw
	}
	before, err := kind.Observe(ctx, env, "e2", spec(etcdmember.Learner, ""))
	require.NoError(t, err)
	require.NoError(t, kind.Apply(ctx, env, "e2", spec(etcdmember.Learner, "")))
	require.NoError(t, kind.Apply(ctx, env, "e2", spec(etcdmember.Learner, "")), "adding twice")
	members, err := client.List(ctx)
	require.NoError(t, err)
	require.Len(t, members, 2)

	quick := etcdmember.Spec{Member: "e2", PeerURLs: []string{peer}, Role: etcdmember.Voter, Timeout: 3 * time.Second}
	err = etcdmember.Kind{}.Apply(ctx, env, "e2", quick)
	require.ErrorIs(t, err, cluster.ErrLearnerBehind, "it has not started")

	second := kubetest.StartEtcd(t, ca, "e2", peer, "e1="+first.PeerURL+",e2="+peer)
	require.NoError(t, kind.Apply(ctx, env, "e2", spec(etcdmember.Voter, "")))
	have, err := kind.Observe(ctx, env, "e2", spec(etcdmember.Voter, ""))
	require.NoError(t, err)
	changes, err := kind.Diff("e2", spec(etcdmember.Voter, ""), have)
	require.NoError(t, err)
	assert.Empty(t, changes)

	both := kubetest.EtcdClient(t, ca, first.ClientURL, second.ClientURL)
	require.NoError(t, both.MoveLeader(ctx, "e1"))
	statuses, err := both.Status(ctx)
	require.NoError(t, err)
	require.Len(t, statuses, 2)
	for _, status := range statuses {
		assert.True(t, status.Healthy, status.Reason)
		assert.Equal(t, status.Name == "e2", status.Leader, status.Name)
	}
	require.NoError(t, kind.Restore(ctx, env, "e2", before))
	members, err = client.List(ctx)
	require.NoError(t, err)
	assert.Len(t, members, 1)
}

func TestEtcdMemberWithLostDataIsReplaced(t *testing.T) {
	ca := kubetest.NewCA(t)
	first := kubetest.StartEtcd(t, ca, "e1", "", "")
	client := kubetest.EtcdClient(t, ca, first.ClientURL)
	env, ctx := &cluster.Env{Members: client, Now: time.Now}, t.Context()
	want := etcdmember.Spec{Member: "e2", PeerURLs: []string{"http://127.0.0.1:" + kubetest.Port(t)}, Role: etcdmember.Learner}
	require.NoError(t, etcdmember.Kind{}.Apply(ctx, env, "e2", want))
	have, err := etcdmember.Kind{}.Observe(ctx, env, "e2", want)
	require.NoError(t, err)

	want.Replaces = etcdmember.ID(have.Member.ID)
	require.NotEmpty(t, etcdmember.Kind{}.Diff("e2", want, have))
	for range 2 { // the second run finds the new id
		require.NoError(t, etcdmember.Kind{}.Apply(ctx, env, "e2", want))
	}
	now, err := etcdmember.Kind{}.Observe(ctx, env, "e2", want)
	require.NoError(t, err)
	assert.NotEqual(t, have.Member.ID, now.Member.ID)
	assert.Empty(t, etcdmember.Kind{}.Diff("e2", want, now))
}
