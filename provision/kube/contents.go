package kube

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"

	"provision/provision/cluster"
)

// Contents implements cluster.Objects. An API that does not answer is an error:
// what it keeps would be overlooked.
func (c *Client) Contents(ctx context.Context, namespace string) ([]cluster.Ref, error) {
	lists, err := discovery.ServerPreferredNamespacedResources(c.discovery)
	if err != nil {
		return nil, fmt.Errorf("asking which APIs there are: %w", err)
	}
	client, err := metadata.NewForConfig(c.Config())
	if err != nil {
		return nil, fmt.Errorf("preparing the metadata client: %w", err)
	}
	var found []cluster.Ref
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("reading the list of APIs: %w", err)
		}
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "delete") || passing(gv.Group, r.Kind) {
				continue
			}
			objects, err := client.Resource(gv.WithResource(r.Name)).Namespace(namespace).List(ctx, metav1.ListOptions{})
			if apierrors.IsNotFound(err) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("listing %s in %s: %w", r.Name, namespace, err)
			}
			for i := range objects.Items {
				if o := &objects.Items[i]; !secondary(r.Kind, o) {
					found = append(found, cluster.Ref{APIVersion: list.GroupVersion, Kind: r.Kind, Namespace: namespace, Name: o.Name})
				}
			}
		}
	}
	return found, nil
}

// passing are kinds that tell what happened, and hold nothing.
func passing(group, kind string) bool { return kind == "Event" || group == "metrics.k8s.io" }

// secondary reports whether Kubernetes puts the object into each namespace, or
// makes it for another one, with which it goes. Claims of volumes hold data,
// whoever made them.
func secondary(kind string, o *metav1.PartialObjectMetadata) bool {
	switch kind {
	case "PersistentVolumeClaim":
		return false
	case "ConfigMap":
		return o.Name == "kube-root-ca.crt" || len(o.OwnerReferences) > 0
	case "ServiceAccount":
		return o.Name == "default" || len(o.OwnerReferences) > 0
	}
	return len(o.OwnerReferences) > 0
}
