package kube

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"provision/provision/cluster"
)

var _ cluster.Objects = (*Client)(nil)

// Get implements cluster.Objects.
func (c *Client) Get(ctx context.Context, ref cluster.Ref) (cluster.Object, error) {
	resource, err := c.resource(ref)
	if meta.IsNoMatchError(err) {
		return nil, nil // a kind that is not served has no objects yet
	}
	if err != nil {
		return nil, err
	}
	object, err := resource.Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return object.Object, nil
}

// Create implements cluster.Objects.
func (c *Client) Create(ctx context.Context, object cluster.Object) error {
	value, ref, err := toUnstructured(object)
	if err != nil {
		return err
	}
	resource, err := c.resource(ref)
	if err != nil {
		return err
	}
	_, err = resource.Create(ctx, value, metav1.CreateOptions{FieldManager: FieldManager})
	if apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("%w: %w", cluster.ErrExists, err)
	}
	return err
}

// Merge implements cluster.Objects.
func (c *Client) Merge(ctx context.Context, ref cluster.Ref, patch cluster.Object) error {
	resource, err := c.resource(ref)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("writing patch of %s: %w", ref, err)
	}
	_, err = resource.Patch(ctx, ref.Name, types.MergePatchType, raw, metav1.PatchOptions{FieldManager: FieldManager})
	if apierrors.IsConflict(err) {
		return fmt.Errorf("%w: %w", cluster.ErrConflict, err)
	}
	return err
}

// Apply implements cluster.Objects.
func (c *Client) Apply(ctx context.Context, object cluster.Object) error {
	value, ref, err := toUnstructured(object)
	if err != nil {
		return err
	}
	resource, err := c.resource(ref)
	if err != nil {
		return err
	}
	_, err = resource.Apply(ctx, ref.Name, value, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	return err
}

// resource finds the API path of a kind: from our table, or by discovery, anew
// once when the kind is not known (a CRD that was just installed).
func (c *Client) resource(ref cluster.Ref) (dynamic.ResourceInterface, error) {
	gvr, namespaced, err := c.locate(ref)
	if err != nil {
		return nil, err
	}
	return c.scoped(gvr, namespaced, ref)
}

func (c *Client) scoped(gvr schema.GroupVersionResource, namespaced bool, ref cluster.Ref) (dynamic.ResourceInterface, error) {
	if !namespaced {
		return c.dynamic.Resource(gvr), nil
	}
	if ref.Namespace == "" {
		return nil, fmt.Errorf("%s needs a namespace", ref)
	}
	return c.dynamic.Resource(gvr).Namespace(ref.Namespace), nil
}

func toUnstructured(object cluster.Object) (*unstructured.Unstructured, cluster.Ref, error) {
	// Through JSON: the dynamic client wants its own types of numbers and lists.
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, cluster.Ref{}, fmt.Errorf("writing object: %w", err)
	}
	value := &unstructured.Unstructured{}
	if err := value.UnmarshalJSON(raw); err != nil {
		return nil, cluster.Ref{}, fmt.Errorf("reading object: %w", err)
	}
	return value, cluster.Ref{
		APIVersion: value.GetAPIVersion(), Kind: value.GetKind(), Namespace: value.GetNamespace(), Name: value.GetName(),
	}, nil
}
