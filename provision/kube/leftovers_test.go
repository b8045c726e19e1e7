package kube

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// classes was written through v1beta1 by somebody, through v1 by others, and by
// what belongs to the cluster.
const classes = `{"kind":"VolumeAttributesClassList","apiVersion":"storage.k8s.io/v1","metadata":{},"items":[
{"metadata":{"name":"silver","managedFields":[{"manager":"helm","operation":"Apply","apiVersion":"storage.k8s.io/v1beta1"},{"manager":"kubectl","apiVersion":"storage.k8s.io/v1"}]}},
{"metadata":{"name":"gold","managedFields":[{"manager":"argocd","operation":"Update","apiVersion":"storage.k8s.io/v1beta1"}]}},
{"metadata":{"name":"new","managedFields":[{"manager":"kubectl","apiVersion":"storage.k8s.io/v1"}]}},
{"metadata":{"name":"own","managedFields":[{"manager":"kube-apiserver","apiVersion":"storage.k8s.io/v1beta1"}]}}]}`

func TestLeftoversAreObjectsWrittenThroughWhatGoes(t *testing.T) {
	class := schema.GroupVersionKind{Group: "storage.k8s.io", Version: "v1beta1", Kind: "VolumeAttributesClass"}
	minor := going(0, 1000)[class]
	require.Positive(t, minor, "the example has an end")
	assert.NotContains(t, going(minor, 1000), class)
	assert.NotContains(t, going(0, minor-1), class)

	answers := map[string]string{
		"/api":  `{"kind":"APIVersions","versions":["v1"]}`,
		"/apis": `{"kind":"APIGroupList","groups":[{"name":"storage.k8s.io","versions":[{"groupVersion":"storage.k8s.io/v1","version":"v1"}],"preferredVersion":{"groupVersion":"storage.k8s.io/v1","version":"v1"}}]}`,
		"/apis/storage.k8s.io/v1": `{"kind":"APIResourceList","groupVersion":"storage.k8s.io/v1","resources":[
			{"name":"volumeattributesclasses","kind":"VolumeAttributesClass","verbs":["get","list"]},{"name":"volumeattributesclasses/status","kind":"VolumeAttributesClass","verbs":["get"]}]}`,
		"/api/v1": `{"kind":"APIResourceList","groupVersion":"v1","resources":[]}`,
		"/apis/storage.k8s.io/v1/volumeattributesclasses": classes,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	client, err := build(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	t.Cleanup(client.Close)

	list, err := client.Leftovers(t.Context(), minor-1, minor)
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, "storage.k8s.io/v1beta1 volumeattributesclasses", list[0].String())
	assert.Equal(t, []string{"gold", "silver"}, list[0].Objects)
	assert.Equal(t, []string{"argocd", "helm"}, list[0].Managers)

	list, err = client.Leftovers(t.Context(), minor, minor+1)
	require.NoError(t, err)
	assert.Empty(t, list, "it is gone already, or not yet")
	delete(answers, "/apis/storage.k8s.io/v1/volumeattributesclasses")
	_, err = client.Leftovers(t.Context(), minor-1, minor)
	require.ErrorContains(t, err, "listing volumeattributesclasses")
}
