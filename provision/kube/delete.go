package kube

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"provision/provision/cluster"
)

// deletion is how long an object that is deleted may stay: controllers take
// their finalizers away within seconds.
const deletion = 30 * time.Second

// Delete implements cluster.Objects. The API takes a deletion and then waits for
// finalizers, so it returns when the object is gone, or says what holds it.
func (c *Client) Delete(ctx context.Context, ref cluster.Ref) error {
	return c.deleteWithin(ctx, ref, deletion)
}

func (c *Client) deleteWithin(ctx context.Context, ref cluster.Ref, limit time.Duration) error {
	resource, err := c.resource(ref)
	if meta.IsNoMatchError(err) {
		return nil
	}
	if err != nil {
		return err
	}
	background := metav1.DeletePropagationBackground
	err = resource.Delete(ctx, ref.Name, metav1.DeleteOptions{PropagationPolicy: &background})
	if err == nil {
		var left *unstructured.Unstructured
		if left, err = resource.Get(ctx, ref.Name, metav1.GetOptions{}); err == nil && left.GetDeletionTimestamp() != nil {
			return c.gone(ctx, ref, left, limit)
		}
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// gone waits until an object that is being deleted, or one made in its place, is
// another.
func (c *Client) gone(ctx context.Context, ref cluster.Ref, left *unstructured.Unstructured, limit time.Duration) error {
	gvr, namespaced, err := c.locate(ref)
	if err != nil {
		return err
	}
	scope := Scope{Resource: gvr, FieldSelector: "metadata.name=" + ref.Name}
	if namespaced {
		scope.Namespace = ref.Namespace
	}
	was := left.GetUID()
	other := func(uid types.UID) bool { return uid != was }
	scope.Listed = func(all []unstructured.Unstructured) bool { return len(all) == 0 || other(all[0].GetUID()) }
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = c.Watch(within, scope, func(object *unstructured.Unstructured, gone bool) (bool, error) {
		left = object
		return gone || other(object.GetUID()), nil
	})
	if err == nil || ctx.Err() != nil || within.Err() == nil {
		return err
	}
	return fmt.Errorf("it is being deleted since %s and not gone after %s: %s",
		left.GetDeletionTimestamp().UTC().Format(time.RFC3339), limit, held(ref, left))
}

// held says what keeps an object that is being deleted.
func held(ref cluster.Ref, object *unstructured.Unstructured) string {
	if why := terminating(object); why != "" {
		return why
	}
	finalizers := object.GetFinalizers()
	if len(finalizers) == 0 {
		return "no finalizer holds it; look at the log of kube-controller-manager"
	}
	kind := strings.ToLower(ref.Kind)
	if ref.Namespace != "" {
		kind = "--namespace " + ref.Namespace + " " + kind
	}
	return fmt.Sprintf("held by finalizer %s; let the program that set it finish, or if that is gone: kubectl patch %s %s --type merge -p '{\"metadata\":{\"finalizers\":null}}'",
		strings.Join(finalizers, ", "), kind, ref.Name)
}

// terminating is what a namespace says of objects in it that do not go.
func terminating(object *unstructured.Unstructured) string {
	if object.GetKind() != "Namespace" {
		return ""
	}
	for _, kind := range []string{"NamespaceFinalizersRemaining", "NamespaceContentRemaining", "NamespaceDeletionDiscoveryFailure", "NamespaceDeletionContentFailure"} {
		if condition := conditionOf(object, kind); condition["status"] == "True" {
			message, _ := condition["message"].(string)
			return message + "; see what is left: kubectl get namespace " + object.GetName() + " -o yaml"
		}
	}
	return ""
}

// locate is the API path of a kind, and whether it is in namespaces.
func (c *Client) locate(ref cluster.Ref) (schema.GroupVersionResource, bool, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return schema.GroupVersionResource{}, false, fmt.Errorf("reading apiVersion of %s: %w", ref, err)
	}
	gvk := gv.WithKind(ref.Kind)
	if name, namespaced, known := builtin(gvk); known {
		return gv.WithResource(name), namespaced, nil
	}
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return schema.GroupVersionResource{}, false, err
	}
	return mapping.Resource, mapping.Scope.Name() == meta.RESTScopeNameNamespace, nil
}
