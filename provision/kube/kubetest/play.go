//go:build cluster

package kubetest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"provision/provision/kube"
)

// PatchStatus writes the status of a core object, as its controller would.
func PatchStatus(t testing.TB, client *kube.Client, resource, namespace, name string, status map[string]any) {
	t.Helper()
	gvr := schema.GroupVersionResource{Version: "v1", Resource: resource}
	require.NoError(t, patchStatus(t.Context(), client, gvr, namespace, name, status))
}

func patchStatus(ctx context.Context, client *kube.Client, gvr schema.GroupVersionResource, namespace, name string, status map[string]any) error {
	raw, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	_, err = client.Dynamic().Resource(gvr).Namespace(namespace).Patch(ctx, name, types.MergePatchType, raw, metav1.PatchOptions{}, "status")
	return err
}

// PlayDeployments makes every Deployment available
// until the returned function is called.
func PlayDeployments(t testing.TB, client *kube.Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	gvr := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	go func() {
		defer close(done)
		_ = client.Watch(ctx, kube.Scope{Resource: gvr}, func(object *unstructured.Unstructured, gone bool) (bool, error) {
			seen, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
			if gone || seen == object.GetGeneration() {
				return false, nil
			}
			want, _, _ := unstructured.NestedInt64(object.Object, "spec", "replicas")
			_ = patchStatus(ctx, client, gvr, object.GetNamespace(), object.GetName(), map[string]any{
				"observedGeneration": object.GetGeneration(), "replicas": want, "updatedReplicas": want,
				"readyReplicas": want, "availableReplicas": want,
			})
			return false, nil
		})
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}
