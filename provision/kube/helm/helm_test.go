package helm

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"provision/provision/cluster"
)

func TestAvailable(t *testing.T) {
	for name, tc := range map[string]struct {
		object string
		ready  bool
		state  string
		fails  bool
	}{
		"not seen yet": {"{kind: Deployment, metadata: {generation: 2}, status: {observedGeneration: 1}}", false, "not seen by its controller yet", false},
		"one may be missing": {`{kind: Deployment, spec: {replicas: 2, strategy: {rollingUpdate: {maxUnavailable: 1}}},
			status: {updatedReplicas: 2, availableReplicas: 1}}`, true, "1 of 2 replicas available, 2 up to date", false},
		"a quarter of two is none": {`{kind: Deployment, spec: {replicas: 2, strategy: {rollingUpdate: {maxUnavailable: "25%"}}},
			status: {updatedReplicas: 2, availableReplicas: 1}}`, false, "1 of 2 replicas available, 2 up to date", false},
		"never with none": {`{kind: Deployment, spec: {replicas: 1, strategy: {rollingUpdate: {maxUnavailable: 1}}},
			status: {updatedReplicas: 1}}`, false, "0 of 1 replicas available, 1 up to date", false},
		"scaled to nothing": {"{kind: Deployment, spec: {replicas: 0}}", true, "0 of 0 replicas available, 0 up to date", false},
		"old replicas left": {"{kind: StatefulSet, spec: {replicas: 1}, status: {readyReplicas: 1}}", false, "1 of 1 replicas ready, 0 up to date", false},
		"daemons":           {"{kind: DaemonSet, status: {desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}}", true, "2 of 2 pods available, 2 up to date", false},
		"job runs":          {"{kind: Job, spec: {completions: 1}}", false, "0 of 1 pods succeeded", false},
		"job failed":        {"{kind: Job, status: {conditions: [{type: Failed, status: 'True', message: backoff}]}}", false, "failed", true},
		"job done":          {"{kind: Job, status: {succeeded: 1, conditions: [{type: Complete, status: 'True'}]}}", true, "1 of 1 pods succeeded", false},
		"CRD":               {"{kind: CustomResourceDefinition, status: {conditions: [{type: Established, status: 'True'}]}}", true, "not established", false},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := yaml.YAMLToJSON([]byte(tc.object))
			require.NoError(t, err)
			object := &unstructured.Unstructured{}
			require.NoError(t, object.UnmarshalJSON(withVersion(raw)))
			ready, state, err := available(object)
			assert.Equal(t, tc.ready, ready)
			assert.Equal(t, tc.state, state)
			assert.Equal(t, tc.fails, err != nil)
		})
	}
}

func withVersion(raw []byte) []byte { return append([]byte(`{"apiVersion":"v1",`), raw[1:]...) }

func TestLoad(t *testing.T) {
	chart, err := load(map[string]string{"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "templates/x.yaml": "a: 1"})
	require.NoError(t, err)
	assert.Equal(t, "a", chart.Name())
	_, err = load(map[string]string{"templates/x.yaml": ""})
	assert.ErrorContains(t, err, "loading the chart")
}

func TestRender(t *testing.T) {
	objects, err := New(nil).Render(cluster.Chart{Name: "web", Namespace: "shop", Values: map[string]any{"text": "a: b"}, Files: map[string]string{
		"Chart.yaml":             "apiVersion: v2\nname: a\nversion: 1.0.0\n",
		"templates/_name.tpl":    `{{ define "name" }}{{ .Release.Name }}{{ end }}`,
		"templates/NOTES.txt":    "Thank you: for installing",
		"templates/empty.yaml":   "{{ if false }}a: b{{ end }}\n---\n# nothing\n",
		"templates/objects.yaml": "kind: A\nmetadata: {name: {{ include \"name\" . }}, namespace: {{ .Release.Namespace }}}\n---\nkind: B\ndata: {text: {{ .Values.text | quote }}}\n",
		"templates/hook.yaml":    "kind: Job\nmetadata: {annotations: {helm.sh/hook: pre-install}}\n",
	}})
	require.NoError(t, err)
	require.Len(t, objects, 2, "no partials, notes, hooks or empty documents")
	assert.Equal(t, "A", objects[0]["kind"])
	assert.Equal(t, map[string]any{"name": "web", "namespace": "shop"}, objects[0]["metadata"])
	assert.Equal(t, map[string]any{"text": "a: b"}, objects[1]["data"])

	_, err = New(nil).Render(cluster.Chart{Name: "bad", Files: map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "templates/x.yaml": "{{ fail \"no\" }}"}})
	require.ErrorContains(t, err, "rendering chart bad")
}

func TestLingeringOutlivesItsContextButNotItsRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	late, done := lingering(ctx)
	cancel()
	require.NoError(t, late.Err(), "there is time to write the outcome")
	deadline, has := late.Deadline()
	assert.False(t, has, deadline)
	done()
	select {
	case <-late.Done():
	case <-time.After(time.Minute):
		t.Fatal("the run is over")
	}
}
