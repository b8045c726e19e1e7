package object

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/resource"
)

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &object))
	return object
}

const sample = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"d"},"data":{"a":"1"}}`

func TestCheckAndName(t *testing.T) {
	require.NoError(t, Kind{}.Check("x", Spec{Object: parse(t, sample)}))
	assert.Equal(t, "ConfigMap/d/c", NameOf(parse(t, sample)))
	assert.Equal(t, "invalid", NameOf(nil))
	assert.ErrorContains(t, Kind{}.Check("x", Spec{}), "apiVersion")
	withStatus := parse(t, sample)
	withStatus["status"] = map[string]any{}
	assert.ErrorContains(t, Kind{}.Check("x", Spec{Object: withStatus}), "status")
}

func TestDiff(t *testing.T) {
	for name, tc := range map[string]struct {
		want, have string
		changes    []resource.Change
	}{
		"same":              {`{"a":{"b":1}}`, `{"a":{"b":1,"defaulted":true}}`, nil},
		"scalar":            {`{"a":{"b":1}}`, `{"a":{"b":2}}`, []resource.Change{{Field: "a.b", Old: "2", New: "1"}}},
		"missing":           {`{"a":{"b":"x"}}`, `{}`, []resource.Change{{Field: "a", New: `{"b":"x"}`}}},
		"zero is dropped":   {`{"a":false,"b":"","c":null,"d":0}`, `{}`, nil},
		"list by order":     {`{"l":["a","b"]}`, `{"l":["b","a"]}`, []resource.Change{{Field: "l[0]", Old: "b", New: "a"}, {Field: "l[1]", Old: "a", New: "b"}}},
		"list longer":       {`{"l":["a"]}`, `{"l":["a","b"]}`, []resource.Change{{Field: "l", Old: `["a","b"]`, New: `["a"]`}}},
		"list gone":         {`{"l":["a"]}`, `{}`, []resource.Change{{Field: "l", New: `["a"]`}}},
		"named, others add": {`{"env":[{"name":"a","v":1}]}`, `{"env":[{"name":"injected"},{"name":"a","v":1}]}`, nil},
		"named differs":     {`{"env":[{"name":"a","v":1}]}`, `{"env":[{"name":"a","v":2}]}`, []resource.Change{{Field: "env[a].v", Old: "2", New: "1"}}},
		"subject added":     {`{"subjects":[{"name":"a"}]}`, `{"subjects":[{"name":"a"},{"name":"b"}]}`, []resource.Change{{Field: "subjects", Old: `[{"name":"a"},{"name":"b"}]`, New: `[{"name":"a"}]`}}},
		"type differs":      {`{"a":{"b":"x"}}`, `{"a":[1]}`, []resource.Change{{Field: "a", Old: "[1]", New: `{"b":"x"}`}}},
	} {
		t.Run(name, func(t *testing.T) {
			want, have := parse(t, tc.want), parse(t, tc.have)
			have["metadata"] = map[string]any{"annotations": map[string]any{DigestAnnotation: digest(want)}}
			assert.Equal(t, tc.changes, Kind{}.Diff("x", Spec{Object: want}, State{Object: have}))
		})
	}
}

func TestDiffTellsOfADroppedField(t *testing.T) {
	want := parse(t, sample)
	have := stamped(want)
	require.Empty(t, Kind{}.Diff("x", Spec{Object: want}, State{Object: have}))
	want["data"] = map[string]any{}
	changes := Kind{}.Diff("x", Spec{Object: want}, State{Object: have})
	require.Len(t, changes, 1)
	assert.Equal(t, "manifest", changes[0].Field)
}

func TestDiffNamesTheFieldsThatWereDropped(t *testing.T) {
	live := parse(t, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"d","labels":{"a.b/c":"1","theirs":"x"},
		"annotations":{"provision/manifest":"old"},"managedFields":[
		{"manager":"kubectl","operation":"Apply","fieldsV1":{"f:metadata":{"f:labels":{"f:theirs":{}}}}},
		{"manager":"provision","operation":"Apply","fieldsV1":{"f:metadata":{"f:annotations":{"f:provision/manifest":{}},"f:labels":{"f:a.b/c":{},"f:kept":{}}},"f:data":{"f:a":{},"f:gone":{}}}}]},
		"data":{"a":"1","gone":"text"}}`)
	want := parse(t, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"d","labels":{"kept":""}},"data":{"a":"1"}}`)
	state := State{Object: pruned(live), Dropped: dropped(want, live), Ref: cluster.Ref{Kind: "ConfigMap"}}
	assert.Equal(t, []resource.Change{{Field: "data.gone", Old: "text"}, {Field: "metadata.labels.a.b/c", Old: "1"}}, Kind{}.Diff("x", Spec{Object: want}, state))
	state.Ref.Kind = "Secret"
	assert.Equal(t, "(secret)", Kind{}.Diff("x", Spec{Object: want}, state)[0].Old)
}

func TestStampedLeavesTheManifestAlone(t *testing.T) {
	want := parse(t, sample)
	before := digest(want)
	stamped(want)
	assert.Equal(t, before, digest(want))
	assert.Equal(t, parse(t, sample), want)
}

// world is a fake of the API: the last manifest wins.
type world struct {
	cluster.Objects
	object  cluster.Object
	applied int
}

func (w *world) Get(context.Context, cluster.Ref) (cluster.Object, error) { return w.object, nil }
func (w *world) Contents(context.Context, string) ([]cluster.Ref, error)  { return nil, nil }

func (w *world) Delete(context.Context, cluster.Ref) error { w.object = nil; return nil }
func (w *world) Apply(_ context.Context, object cluster.Object) error {
	w.object = object
	w.applied++
	return nil
}

func TestApplyWritesOnlyWhatDiffers(t *testing.T) {
	w := &world{}
	env := &cluster.Env{Objects: w}
	want := Spec{Object: parse(t, sample)}
	before, err := Kind{}.Observe(t.Context(), env, "x", want)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, Kind{}.Apply(t.Context(), env, "x", want))
	}
	assert.Equal(t, 1, w.applied)
	require.NoError(t, Kind{}.Restore(t.Context(), env, "x", before))
	assert.Nil(t, w.object)
}

func TestPrunedDropsWhatMovesByItself(t *testing.T) {
	live := parse(t, `{"metadata":{"name":"a","resourceVersion":"1","uid":"u","managedFields":[],"generation":2},"status":{"x":1}}`)
	assert.Equal(t, map[string]any{"metadata": map[string]any{"name": "a"}}, pruned(live))
	assert.Contains(t, live, "status", "the original is left alone")
}

func FuzzDiff(f *testing.F) {
	f.Add([]byte(sample), []byte(`{"metadata":[],"data":[{"name":["x"]}]}`))
	f.Add([]byte(`{"env":[{"name":["x"]},{"name":"a"},{"name":"a","b":1},1]}`), []byte(`{"env":[{"name":{}}]}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var want, have map[string]any
		if json.Unmarshal(a, &want) != nil || json.Unmarshal(b, &have) != nil {
			return
		}
		Kind{}.Diff("x", Spec{Object: want}, State{Object: have})
		if want != nil {
			Kind{}.Diff("x", Spec{Object: want}, State{Object: want})
		}
	})
}
