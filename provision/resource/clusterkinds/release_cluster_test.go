//go:build cluster

package clusterkinds

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/kube/helm"
	"provision/provision/kube/kubetest"
	"provision/provision/resource/release"
)

// webRelease is a small chart of three objects.
func webRelease(text string, replicas int) release.Spec {
	return release.Spec{
		Namespace: "kube-system", CreateNamespace: true, Timeout: time.Minute,
		Values: map[string]any{"text": text, "replicas": replicas},
		Chart: map[string]string{
			"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
			"templates/all.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {text: {{ .Values.text | quote }}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {text: {{ .Values.text | quote }}}}
    spec: {containers: [{name: web, image: "example.org/web:1"}]}
`,
		},
	}
}

func raw(t *testing.T, spec any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(spec)
	require.NoError(t, err)
	return text
}

func TestReleaseRecoversFromKilledInstallAndUpgrade(t *testing.T) {
	api := kubetest.StartAPI(t)
	client := api.ReadyClient(t)
	env := &cluster.Env{Objects: client, Releases: helm.New(client), Now: time.Now}
	kind := release.New()
	status := func() string {
		history, err := env.Releases.History(t.Context(), "kube-system", "web")
		require.NoError(t, err)
		if len(history) == 0 {
			return ""
		}
		return history[len(history)-1].Status
	}
	// Nobody makes Deployments available, so the run waits until it is cut:
	// what the killed process leaves is what the server has then.
	killed := func(spec release.Spec, left string) {
		cut := &kubetest.Cut{}
		cutClient := api.Client(t, cut.Wrap)
		cutEnv := &cluster.Env{Objects: cutClient, Releases: helm.New(cutClient), Now: time.Now}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cutEnv.Progress = func(string) { cut.Kill(); cancel() }
		require.Error(t, kind.Apply(ctx, cutEnv, "web", raw(t, spec)))
		require.Equal(t, left, status())
	}
	killed(webRelease("1", 2), "pending-install")
	stop := kubetest.PlayDeployments(t, client)
	require.NoError(t, kind.Apply(t.Context(), env, "web", raw(t, webRelease("1", 2))))
	require.Equal(t, "deployed", status())
	stop()

	killed(webRelease("2", 2), "pending-upgrade")
	kubetest.PlayDeployments(t, client)
	require.NoError(t, kind.Apply(t.Context(), env, "web", raw(t, webRelease("3", 3))))
	require.Equal(t, "deployed", status())
	object, err := client.Get(t.Context(), cluster.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: "kube-system", Name: "web"})
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"text": "3"}, object["data"])
	history, err := env.Releases.History(t.Context(), "kube-system", "web")
	require.NoError(t, err)
	assert.Len(t, history, 4, "installed, killed, rolled back, upgraded: %v", history)
}

func TestReleaseEndsWithItsDeadlineAndSaysWhy(t *testing.T) {
	api := kubetest.StartAPI(t)
	client := api.ReadyClient(t)
	env := &cluster.Env{Objects: client, Releases: helm.New(client), Now: time.Now}
	spec := webRelease("1", 2)
	spec.Timeout = 10 * time.Second
	kind := release.New()
	err := kind.Apply(t.Context(), env, "web", raw(t, spec))
	require.ErrorContains(t, err, "waiting for Deployment web in kube-system")
	require.ErrorContains(t, err, "not ready within 10s")
	history, err := env.Releases.History(t.Context(), "kube-system", "web")
	require.NoError(t, err)
	require.Len(t, history, 1)
	assert.Equal(t, "failed", history[0].Status)

	kubetest.PlayDeployments(t, client)
	require.NoError(t, kind.Apply(t.Context(), env, "web", raw(t, spec)), "the next apply finishes")
}

func TestReleaseCancelledIsRecordedAsFailed(t *testing.T) {
	client := kubetest.StartAPI(t).ReadyClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	env := &cluster.Env{Objects: client, Releases: helm.New(client), Now: time.Now, Progress: func(string) { cancel() }}
	start := time.Now()
	err := release.New().Apply(ctx, env, "web", raw(t, webRelease("1", 2)))
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, time.Since(start), 40*time.Second)
	history, err := env.Releases.History(t.Context(), "kube-system", "web")
	require.NoError(t, err)
	require.Len(t, history, 1)
	assert.Equal(t, "failed", history[0].Status)
}

func TestReleaseRestoresTheEarlierRevision(t *testing.T) {
	client := kubetest.StartAPI(t).ReadyClient(t)
	kubetest.PlayDeployments(t, client)
	env, kind := &cluster.Env{Objects: client, Releases: helm.New(client), Now: time.Now}, release.New()
	first, second := raw(t, webRelease("1", 2)), raw(t, webRelease("2", 1))
	require.NoError(t, kind.Apply(t.Context(), env, "web", first))
	before, err := kind.Observe(t.Context(), env, "web", first)
	require.NoError(t, err)
	require.NoError(t, kind.Apply(t.Context(), env, "web", second))
	require.NoError(t, kind.Restore(t.Context(), env, "web", before))
	have, err := kind.Observe(t.Context(), env, "web", first)
	require.NoError(t, err)
	changes, err := kind.Diff("web", first, have)
	require.NoError(t, err)
	assert.Empty(t, changes)
	require.NoError(t, kind.Restore(t.Context(), env, "web", before), "restoring twice")
}
