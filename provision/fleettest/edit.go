package fleettest

import (
	"context"
	"slices"

	"provision/provision/cluster"
)

// Object is an object of the API; nil when there is none.
func (a *API) Object(ref cluster.Ref) cluster.Object {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.objects[ref]
}

// Put is "kubectl replace": somebody else writes an object whole.
func (a *API) Put(ref cluster.Ref, object cluster.Object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if object == nil {
		delete(a.objects, ref)
		return
	}
	object, _ = plain(object)
	metadata := asMap(object["metadata"])
	if metadata == nil {
		metadata = map[string]any{"name": ref.Name, "namespace": ref.Namespace}
	}
	managers, _ := metadata["managedFields"].([]any)
	metadata["managedFields"] = append(slices.Clone(managers), map[string]any{"manager": "kubectl-replace", "operation": "Update"})
	object["metadata"] = metadata
	a.write(ref, object)
}

// Releases are the installed ones, as NAMESPACE/NAME, sorted.
func (a *API) Releases() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for name := range a.releases {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Contents implements cluster.Objects.
func (o objects) Contents(_ context.Context, namespace string) ([]cluster.Ref, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []cluster.Ref
	for ref := range o.objects {
		if ref.Namespace == namespace {
			found = append(found, ref)
		}
	}
	return found, o.down
}
