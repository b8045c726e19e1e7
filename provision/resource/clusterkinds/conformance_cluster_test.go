//go:build cluster

package clusterkinds

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"provision/provision/cluster"
	"provision/provision/kube"
	"provision/provision/kube/helm"
	"provision/provision/kube/kubetest"
	"provision/provision/resource"
	"provision/provision/resource/release"
)

// suite runs what every kind must hold against a real API server.
type suite struct {
	api    *kubetest.API
	client *kube.Client
}

func newSuite(t *testing.T) *suite {
	api := kubetest.StartAPI(t)
	client := api.ReadyClient(t)
	kubetest.PlayDeployments(t, client)
	return &suite{api: api, client: client}
}

func (s *suite) env(t *testing.T, cut *kubetest.Cut) *cluster.Env {
	client := s.client
	if cut != nil {
		client = s.api.Client(t, cut.Wrap)
	}
	return &cluster.Env{
		Objects: client, Releases: helm.New(client), Now: time.Now,
		Members: kubetest.EtcdClient(t, s.api.CA, s.api.Etcd.ClientURL),
	}
}

// world is everything that a kind could change, by object, with versions.
func (s *suite) world(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, gvr := range []schema.GroupVersionResource{
		{Version: "v1", Resource: "nodes"}, {Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "services"},
		{Version: "v1", Resource: "configmaps"}, {Version: "v1", Resource: "serviceaccounts"},
		{Group: "apps", Version: "v1", Resource: "deployments"}, {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
	} {
		list, err := s.client.Dynamic().Resource(gvr).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, item := range list.Items {
			if item.GetNamespace() == "default" && item.GetName() == "kubernetes" {
				continue // the API server makes it itself, some time after it is ready
			}
			found[gvr.Resource+" "+item.GetNamespace()+"/"+item.GetName()] = item.GetResourceVersion()
		}
	}
	return found
}

func names(world map[string]string) []string {
	var list []string
	for name := range world {
		// Revisions of releases are numbered; a run more is no difference.
		if i := strings.Index(name, "sh.helm.release.v1."); i >= 0 {
			name = name[:i] + "sh.helm.release"
		}
		list = append(list, name)
	}
	sort.Strings(list)
	return compact(list)
}

func compact(sorted []string) []string {
	var out []string
	for i, name := range sorted {
		if i == 0 || name != sorted[i-1] {
			out = append(out, name)
		}
	}
	return out
}

// conform checks the promises of one kind with one wanted resource.
func (s *suite) conform(t *testing.T, kind resource.Kind[*cluster.Env], name string, spec any) {
	raw, err := json.Marshal(spec)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	env := s.env(t, nil)
	empty := s.world(t)

	before, err := kind.Observe(ctx, env, name, raw)
	require.NoError(t, err)
	assert.Equal(t, empty, s.world(t), "observe changes nothing")
	changes, err := kind.Diff(name, raw, before)
	require.NoError(t, err)
	require.NotEmpty(t, changes)
	require.True(t, changes[0].Create)

	require.NoError(t, kind.Apply(ctx, env, name, raw))
	s.same(t, kind, name, raw)
	applied := s.world(t)
	cut := &kubetest.Cut{}
	require.NoError(t, kind.Apply(ctx, s.env(t, cut), name, raw))
	assert.Equal(t, applied, s.world(t), "a second apply writes nothing")
	reads, writes := cut.Requests()
	assert.Empty(t, writes)
	if kind.Name() == release.Name { // it looks at each object that the chart makes
		assert.LessOrEqual(t, len(reads), 8)
	} else {
		assert.Len(t, reads, 1, "a no-op is one read")
	}

	require.NoError(t, kind.Restore(ctx, env, name, before))
	assert.Equal(t, names(empty), names(s.world(t)), "restore brings back what was there")
	require.NoError(t, kind.Restore(ctx, env, name, before), "restoring twice")

	s.interrupt(t, kind, name, raw, before, names(applied), names(empty))
}

// interrupt kills an apply before each of its writes; the next one finishes.
func (s *suite) interrupt(t *testing.T, kind resource.Kind[*cluster.Env], name string, raw, before json.RawMessage, applied, empty []string) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	env := s.env(t, nil)
	for n := 1; ; n++ {
		cut := &kubetest.Cut{Before: n}
		err := kind.Apply(ctx, s.env(t, cut), name, raw)
		if cut.Dead() {
			require.Error(t, err, "killed before write %d", n)
		} else {
			require.NoError(t, err)
		}
		at := fmt.Sprintf("after a kill before write %d", n)
		require.NoError(t, kind.Apply(ctx, env, name, raw), at)
		s.same(t, kind, name, raw)
		assert.Equal(t, applied, names(s.world(t)), at)
		require.NoError(t, kind.Restore(ctx, env, name, before), at)
		assert.Equal(t, empty, names(s.world(t)), at)
		if !cut.Dead() {
			t.Logf("%s: killed at each of %d writes", kind.Name(), n-1)
			return
		}
	}
}

func (s *suite) same(t *testing.T, kind resource.Kind[*cluster.Env], name string, raw json.RawMessage) {
	t.Helper()
	have, err := kind.Observe(t.Context(), s.env(t, nil), name, raw)
	require.NoError(t, err)
	changes, err := kind.Diff(name, raw, have)
	require.NoError(t, err)
	require.Empty(t, changes, "the diff after an apply is empty")
}
