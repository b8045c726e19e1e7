package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/scheme"
)

const (
	// leftoverPage and leftoverPages bound how many objects of a kind are read.
	leftoverPage  = 500
	leftoverPages = 20
)

// Leftover are objects that somebody wrote through an API that goes: whoever did
// will want to again. API servers forget at each start what they were asked;
// objects keep it.
type Leftover struct {
	Deprecated
	Objects  []string // NAME, or NAMESPACE/NAME
	Managers []string // who wrote them
}

// goes is implemented by the types of APIs that have an end.
type goes interface {
	APILifecycleRemoved() (major, minor int)
}

// going are the APIs that go with a release after one and up to another of major
// release 1, and that release, as far as this program knows them.
func going(after, upTo int) map[schema.GroupVersionKind]int {
	found := map[schema.GroupVersionKind]int{}
	for gvk := range scheme.Scheme.AllKnownTypes() {
		object, err := scheme.Scheme.New(gvk)
		if err != nil || strings.HasSuffix(gvk.Kind, "List") {
			continue
		}
		if ending, ok := object.(goes); ok {
			if major, minor := ending.APILifecycleRemoved(); major == 1 && minor > after && minor <= upTo {
				found[gvk] = minor
			}
		}
	}
	return found
}

// Leftovers lists, for an upgrade between minor releases of major release 1,
// objects that were written through APIs that it takes away.
func (c *Client) Leftovers(ctx context.Context, after, upTo int) ([]Leftover, error) {
	ends := going(after, upTo)
	served, err := c.served()
	if err != nil || len(ends) == 0 {
		return nil, err
	}
	found := map[schema.GroupVersionKind]*Leftover{}
	read := map[schema.GroupVersionResource]bool{}
	for gvk := range ends {
		resource, ok := served[gvk.GroupKind()]
		if !ok || read[resource] {
			continue
		}
		read[resource] = true
		err := c.everyObject(ctx, resource, func(o *unstructured.Unstructured) {
			for _, entry := range o.GetManagedFields() {
				old := schema.FromAPIVersionAndKind(entry.APIVersion, gvk.Kind)
				if minor, ends := ends[old]; ends && !ours(entry.Manager) {
					note(found, old, minor, resource.Resource, o, entry.Manager)
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	var list []Leftover
	for _, l := range found {
		slices.Sort(l.Objects)
		slices.Sort(l.Managers)
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Leftover) int { return strings.Compare(a.String(), b.String()) })
	return list, nil
}

func note(found map[schema.GroupVersionKind]*Leftover, gvk schema.GroupVersionKind, minor int, resource string, o *unstructured.Unstructured, manager string) {
	l := found[gvk]
	if l == nil {
		l = &Leftover{Deprecated: Deprecated{Group: gvk.Group, Version: gvk.Version, Resource: resource, Removed: fmt.Sprintf("1.%d", minor)}}
		found[gvk] = l
	}
	name := o.GetName()
	if o.GetNamespace() != "" {
		name = o.GetNamespace() + "/" + name
	}
	if !slices.Contains(l.Objects, name) {
		l.Objects = append(l.Objects, name)
	}
	if !slices.Contains(l.Managers, manager) {
		l.Managers = append(l.Managers, manager)
	}
}

// ours reports whether the manager is upgraded with the cluster.
func ours(manager string) bool {
	return strings.HasPrefix(manager, "kube-") || manager == "kubelet" || manager == FieldManager
}

// served is, by kind, the resource by which objects can be read.
func (c *Client) served() (map[schema.GroupKind]schema.GroupVersionResource, error) {
	_, lists, err := c.discovery.ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) { // an API of somebody else that is down
		return nil, fmt.Errorf("asking which APIs there are: %w", err)
	}
	served := map[schema.GroupKind]schema.GroupVersionResource{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, r := range list.APIResources {
			kind := schema.GroupKind{Group: gv.Group, Kind: r.Kind}
			if _, known := served[kind]; !known && !strings.Contains(r.Name, "/") && slices.Contains(r.Verbs, "list") {
				served[kind] = gv.WithResource(r.Name)
			}
		}
	}
	return served, nil
}

func (c *Client) everyObject(ctx context.Context, resource schema.GroupVersionResource, do func(*unstructured.Unstructured)) error {
	options := metav1.ListOptions{Limit: leftoverPage}
	for range leftoverPages {
		list, err := c.dynamic.Resource(resource).List(ctx, options)
		if err != nil {
			return fmt.Errorf("listing %s: %w", resource.Resource, err)
		}
		for i := range list.Items {
			do(&list.Items[i])
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return nil
		}
	}
	return nil
}
