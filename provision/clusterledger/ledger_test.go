package clusterledger

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/node"
	"provision/provision/resource/object"
)

// objects are an API in memory.
type objects struct {
	cluster.Objects
	mu      sync.Mutex
	there   map[cluster.Ref]cluster.Object
	version int
	meddle  func() // called once, before the next conditional write
}

func (o *objects) put(ref cluster.Ref, object cluster.Object) {
	o.version++
	var copied cluster.Object
	_ = cluster.Decode(object, &copied)
	metadata, _ := copied["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["resourceVersion"] = strconv.Itoa(o.version)
	metadata["managedFields"] = []any{map[string]any{"manager": cluster.FieldManager}}
	copied["metadata"] = metadata
	o.there[ref] = copied
}

func refOf(object cluster.Object) cluster.Ref {
	metadata := object["metadata"].(map[string]any)
	ref := cluster.Ref{APIVersion: object["apiVersion"].(string), Kind: object["kind"].(string), Name: metadata["name"].(string)}
	ref.Namespace, _ = metadata["namespace"].(string)
	return ref
}

func (o *objects) Get(_ context.Context, ref cluster.Ref) (cluster.Object, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.there[ref], nil
}

func (o *objects) Create(_ context.Context, object cluster.Object) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.there[refOf(object)] != nil {
		return cluster.ErrExists
	}
	o.put(refOf(object), object)
	return nil
}

func (o *objects) Apply(_ context.Context, object cluster.Object) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.put(refOf(object), object)
	return nil
}

func (o *objects) Delete(_ context.Context, ref cluster.Ref) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.there, ref)
	return nil
}

func (o *objects) Merge(_ context.Context, ref cluster.Ref, patch cluster.Object) error {
	if meddle := o.meddle; meddle != nil {
		o.meddle = nil
		meddle()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	have := o.there[ref]
	if version := patch["metadata"].(cluster.Object)["resourceVersion"]; version != have["metadata"].(map[string]any)["resourceVersion"] {
		return cluster.ErrConflict
	}
	next := maps.Clone(have)
	next["data"] = patch["data"]
	o.put(ref, next)
	return nil
}

func world() (*cluster.Env, *objects) {
	api := &objects{there: map[cluster.Ref]cluster.Object{}}
	return &cluster.Env{Objects: api}, api
}

func store() *Store {
	kinds := Kinds{}
	for _, kind := range []resource.Kind[*cluster.Env]{object.New(), node.New()} {
		kinds[kind.Name()] = kind
	}
	return New(kinds, func(string) {})
}

// role is a wanted ClusterRole.
func role(name string, requires ...resource.Resource) resource.Resource {
	r := resource.New(resource.ClusterHost, object.Name, "ClusterRole/"+name, object.Spec{Object: map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": name}}})
	for _, need := range requires {
		r = r.After(need.Address)
	}
	return r
}

func leaving(t *testing.T, env *cluster.Env, wanted ...resource.Resource) plan.Ledger {
	t.Helper()
	seen := map[resource.Address]plan.ClusterObserved{}
	for _, r := range wanted {
		seen[r.Address] = plan.ClusterObserved{}
	}
	found, err := store().Look(t.Context(), env, wanted, seen)
	require.NoError(t, err)
	return found
}

func TestWhatIsAppliedIsRecordedAndLeaves(t *testing.T) {
	env, api := world()
	first, second := role("first"), role("second", role("first"))
	for _, r := range []resource.Resource{first, second, resource.New(resource.ClusterHost, node.Name, "n1", node.Spec{})} {
		require.NoError(t, store().Apply(t.Context(), env, r))
	}
	assert.Empty(t, leaving(t, env, first, second).Leaving)
	gone := leaving(t, env)
	require.Len(t, gone.Leaving, 2, "Nodes leave with their hosts, and the ledger itself never does")
	assert.Equal(t, second.Address, gone.Leaving[0].Address, "last applied first")
	assert.Equal(t, []resource.Address{second.Address}, gone.Leaving[1].After, "what required it goes before")

	for range 2 { // what is removed already is done
		require.NoError(t, store().Remove(t.Context(), env, second.Address))
	}
	assert.Nil(t, api.there[cluster.Ref{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "second"}])
	assert.Len(t, leaving(t, env).Leaving, 1)
}

// What stood there first stays recorded, whatever is applied later.
func TestTheFirstStateIsKept(t *testing.T) {
	env, api := world()
	r := role("a")
	require.NoError(t, store().Apply(t.Context(), env, r))
	require.NoError(t, store().Apply(t.Context(), env, r.After(role("b").Address)))
	require.NoError(t, store().Record(t.Context(), env, r))
	require.NoError(t, store().Remove(t.Context(), env, r.Address))
	assert.Nil(t, api.there[cluster.Ref{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "a"}])
}

func TestManyAtOnceAndSomebodyElseInBetween(t *testing.T) {
	env, api := world()
	s := store()
	require.NoError(t, s.Apply(t.Context(), env, role("zero")))
	api.meddle = func() { require.NoError(t, store().Apply(context.Background(), env, role("other"))) }
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { assert.NoError(t, s.Apply(context.Background(), env, role(fmt.Sprint("r", i)))) })
	}
	all.Wait()
	assert.Len(t, leaving(t, env).Leaving, 22)
}

func TestUnchangedEntriesAreNotWrittenAgain(t *testing.T) {
	env, api := world()
	s := store()
	require.NoError(t, s.Record(t.Context(), env, role("a"), role("b")))
	before := api.version
	require.NoError(t, s.Record(t.Context(), env, role("b"), role("a")))
	assert.Equal(t, before, api.version)
}

func TestDamageIsToldAndNewerFormatsAreRefused(t *testing.T) {
	whole, err := encode(Ledger{Entries: []Entry{{ID: `object["x"]`, Before: json.RawMessage(`{}`)}}})
	require.NoError(t, err)
	with := func(key, value string) cluster.Object {
		data := maps.Clone(whole)
		data[key] = base64.StdEncoding.EncodeToString([]byte(value))
		return cluster.Object{"data": data}
	}
	back, err := decode(cluster.Object{"data": whole})
	require.NoError(t, err)
	assert.Len(t, back.Entries, 1)
	for name, object := range map[string]cluster.Object{
		"no data": {}, "no format": with("format", ""), "another content": with("ledger", "x"), "no base64": {"data": map[string]any{"ledger": "%"}},
	} {
		_, err := decode(object)
		assert.ErrorIs(t, err, ErrDamaged, name)
	}
	_, err = decode(with("format", "2"))
	assert.ErrorIs(t, err, ErrNewer)
}

// A Secret takes 1 MiB.
func TestWhatIsTooLargeIsRefusedByName(t *testing.T) {
	noise := make([]byte, mostStored)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(noise)
	big, err := json.Marshal(noise)
	require.NoError(t, err)
	_, err = encode(Ledger{Entries: []Entry{{ID: `object["small"]`, Before: json.RawMessage(`{}`)}, {ID: `object["big"]`, Before: big}}})
	assert.ErrorContains(t, err, `the largest entry is object["big"]`)
	many := Ledger{}
	for i := range 2000 {
		many.Entries = append(many.Entries, Entry{ID: fmt.Sprintf("object[%q]", "ClusterRole/r"+strconv.Itoa(i)), Before: json.RawMessage(`{"ref":{"name":"` + strings.Repeat("r", 40) + `"}}`)})
	}
	_, err = encode(many)
	assert.NoError(t, err, "thousands of entries have room")
}
