package fleettest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"

	"provision/provision/cluster"
	"provision/provision/facts"
)

// API is the Kubernetes API and Helm of a cluster, as maps. Every Node is
// Ready as soon as it exists.
type API struct {
	now func() time.Time
	// EtcdValues are keys of etcd; set them before there are readers.
	EtcdValues map[string][]byte

	mu       sync.Mutex
	down     error
	stalled  cluster.Ref // the object whose reading never ends
	objects  map[cluster.Ref]cluster.Object
	releases map[string][]cluster.Revision
	charts   map[string]cluster.Chart // of the newest revisions
	version  int
	writes   int
	pods     map[string][]cluster.Pod // by Node
	drained  []string
	alone    map[string][]cluster.Pod // of pods, those without a controller
	held     map[string]error         // Nodes whose pods do not go
	sick     map[string]error         // Nodes whose kubelets do not report
	// etcdIDs are what etcd's members say, by host; nil for the first cluster's.
	etcdIDs    map[string]uint64
	turns      []string
	members    []cluster.Member // etcd's
	lastMember uint64
}

func newAPI(now func() time.Time) *API {
	return &API{now: now, objects: map[cluster.Ref]cluster.Object{}, releases: map[string][]cluster.Revision{}, charts: map[string]cluster.Chart{}}
}

// Break makes the API answer with an error; nil fixes it.
func (a *API) Break(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = err
}

// Stall lets the reading of an object take for ever.
func (a *API) Stall(ref cluster.Ref) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stalled = ref
}

// Writes counts the writes so far.
func (a *API) Writes() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.writes
}

// Names are the objects of a kind, sorted.
func (a *API) Names(kind string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var names []string
	for ref := range a.objects {
		if ref.Kind == kind {
			names = append(names, ref.Name)
		}
	}
	sort.Strings(names)
	return names
}

// Reach implements provision.API.
func (a *API) Reach(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.down
}

// Open implements provision.API.
func (a *API) Open(ctx context.Context) error { return a.Reach(ctx) }

// NodesReady implements provision.API.
func (a *API) NodesReady(_ context.Context, names []string, _ func(map[string]string)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range names {
		if a.objects[cluster.Ref{APIVersion: "v1", Kind: "Node", Name: name}] == nil {
			return fmt.Errorf("waiting for Nodes: there is no %s", name)
		}
	}
	return a.down
}

// Sicken keeps the kubelet of a Node from reporting, or lets it again.
func (a *API) Sicken(node string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sick == nil {
		a.sick = map[string]error{}
	}
	a.sick[node] = err
}

// NodeReports implements provision.API.
func (a *API) NodeReports(_ context.Context, name string, _ time.Time, progress func(string)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.sick[name]; err != nil {
		progress(err.Error())
		return err
	}
	if a.objects[cluster.Ref{APIVersion: "v1", Kind: "Node", Name: name}] == nil {
		return fmt.Errorf("there is no Node %s", name)
	}
	return a.down
}

// Env implements provision.API.
func (a *API) Env(ctx context.Context) (*cluster.Env, error) {
	return &cluster.Env{Objects: objects{a}, Members: members{a}, Releases: releases{a}, Pods: pods{a}, Now: a.now}, a.Reach(ctx)
}

// EtcdID implements provision.API.
func (a *API) EtcdID(ctx context.Context) (uint64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range a.etcdIDs {
		return id, a.down
	}
	return firstEtcd, a.down
}

// EtcdIDs implements provision.API.
func (a *API) EtcdIDs(context.Context) (map[string]uint64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.etcdIDs), a.down
}

// SetEtcdIDs lets members, by host, say other ids than that of the first
// cluster.
func (a *API) SetEtcdIDs(ids map[string]uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.etcdIDs = ids
}

// write changes an object under the lock.
func (a *API) write(ref cluster.Ref, object cluster.Object) {
	a.version++
	a.writes++
	metadata := maps.Clone(asMap(object["metadata"]))
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["resourceVersion"] = strconv.Itoa(a.version)
	if metadata["managedFields"] == nil {
		metadata["managedFields"] = []any{map[string]any{"manager": cluster.FieldManager, "operation": "Apply"}}
	}
	object = maps.Clone(object)
	object["metadata"] = metadata
	a.objects[ref] = object
}

type objects struct{ *API }

func refOf(object cluster.Object) (cluster.Ref, error) {
	var head struct {
		APIVersion, Kind string
		Metadata         struct{ Namespace, Name string }
	}
	err := cluster.Decode(object, &head)
	return cluster.Ref{APIVersion: head.APIVersion, Kind: head.Kind, Namespace: head.Metadata.Namespace, Name: head.Metadata.Name}, err
}

// plain is the object as JSON has it, shared with nobody.
func plain(object cluster.Object) (cluster.Object, error) {
	var out cluster.Object
	err := cluster.Decode(object, &out)
	return out, err
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func (o objects) Get(ctx context.Context, ref cluster.Ref) (cluster.Object, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ref == o.stalled {
		o.mu.Unlock()
		<-ctx.Done()
		o.mu.Lock()
		return nil, ctx.Err()
	}
	if o.down != nil {
		return nil, o.down
	}
	return o.objects[ref], nil // never changed in place
}

func (o objects) Create(_ context.Context, object cluster.Object) error {
	ref, err := refOf(object)
	if err != nil {
		return err
	}
	made, err := plain(object)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.objects[ref] != nil {
		return cluster.ErrExists
	}
	if ref.Kind == "Node" {
		made["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "True"}}}
	}
	o.write(ref, made)
	return errors.Join(err, o.down)
}

func (o objects) Merge(_ context.Context, ref cluster.Ref, patch cluster.Object) error {
	patch, err := plain(patch)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	have := o.objects[ref]
	if have == nil {
		return fmt.Errorf("%s not found", ref)
	}
	if version, ok := asMap(patch["metadata"])["resourceVersion"]; ok && version != asMap(have["metadata"])["resourceVersion"] {
		return cluster.ErrConflict
	}
	o.write(ref, merged(have, patch))
	return o.down
}

// merged is RFC 7396.
func merged(have, patch map[string]any) map[string]any {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]any{}
	}
	for key, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(out, key)
		case map[string]any:
			out[key] = merged(asMap(out[key]), value)
		default:
			out[key] = value
		}
	}
	return out
}

func (o objects) Apply(_ context.Context, object cluster.Object) error {
	ref, err := refOf(object)
	if err != nil {
		return err
	}
	want, err := plain(object)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.write(ref, merged(o.objects[ref], want))
	return o.down
}

func (o objects) Delete(_ context.Context, ref cluster.Ref) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes++
	if metadata := asMap(o.objects[ref]["metadata"]); metadata["finalizers"] != nil {
		o.write(ref, merged(o.objects[ref], map[string]any{"metadata": map[string]any{"deletionTimestamp": "2026-01-02T03:04:05Z"}}))
		return fmt.Errorf("it is not gone: held by finalizer %v", metadata["finalizers"])
	}
	delete(o.objects, ref)
	return o.down
}

// Turning implements provision.API: it notes the phases of rotations.
func (a *API) Turning(_ context.Context, item, next string, _ facts.Identity) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turns = append(a.turns, item+" "+next)
	return nil
}

// Turns are the phases of rotations that were asked for, in order.
func (a *API) Turns() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.turns)
}
