//go:build cluster

package coredns

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	api "provision/provision/cluster"
	"provision/provision/kube/helm"
	"provision/provision/kube/kubetest"
	kind "provision/provision/resource/release"
)

// A real API server takes every object of the chart, and each way to set it.
func TestInstallOnARealAPIServer(t *testing.T) {
	client := kubetest.StartAPI(t).ReadyClient(t)
	kubetest.PlayDeployments(t, client)
	env := &api.Env{Objects: client, Releases: helm.New(client), Now: time.Now}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	apply := func(hosts int, config Config) {
		wanted := one(t, hosts, config)
		start := time.Now()
		require.NoError(t, kind.Kind{}.Apply(ctx, env, wanted.Name, kind.Spec{
			Namespace: wanted.Namespace, CreateNamespace: wanted.CreateNamespace, Chart: wanted.Chart, Values: wanted.Values,
		}))
		t.Logf("applied in %s", time.Since(start).Round(time.Millisecond))
	}
	get := func(version, kind, name string) api.Object {
		object, err := client.Get(ctx, api.Ref{APIVersion: version, Kind: kind, Namespace: "kube-system", Name: name})
		require.NoError(t, err)
		return object
	}
	apply(3, Config{Enabled: true, CacheSeconds: 30})
	assert.Equal(t, "10.96.0.10", get("v1", "Service", "kube-dns")["spec"].(map[string]any)["clusterIP"])
	assert.NotNil(t, get("policy/v1", "PodDisruptionBudget", "coredns"))

	apply(1, Config{Enabled: true, CacheSeconds: 30, Upstream: []string{"10.0.0.2"}})
	assert.Nil(t, get("policy/v1", "PodDisruptionBudget", "coredns"), "one replica needs no budget")
	corefile := get("v1", "ConfigMap", "coredns")["data"].(map[string]any)["Corefile"]
	assert.Contains(t, corefile, "forward . 10.0.0.2")
}
