package node

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/resource"
)

func TestCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		spec Spec
		want string // part of the error; "" for none
	}{
		"empty":        {Spec{}, ""},
		"full":         {Spec{Taints: []Taint{{Key: "a", Effect: "NoSchedule"}, {Key: "a", Effect: "NoExecute"}}, PodCIDRs: []string{"10.0.0.0/24", "fd00::/64"}}, ""},
		"effect":       {Spec{Taints: []Taint{{Key: "a", Effect: "Never"}}}, `"Never"`},
		"no key":       {Spec{Taints: []Taint{{Effect: "NoSchedule"}}}, "taint"},
		"twice":        {Spec{Taints: []Taint{{Key: "a", Effect: "NoSchedule"}, {Key: "a", Value: "1", Effect: "NoSchedule"}}}, "twice"},
		"host bits":    {Spec{PodCIDRs: []string{"10.0.0.1/24"}}, "write 10.0.0.0/24"},
		"no range":     {Spec{PodCIDRs: []string{"ten"}}, "pod range"},
		"three ranges": {Spec{PodCIDRs: []string{"10.0.0.0/24", "10.0.1.0/24", "fd00::/64"}}, "at most two"},
		"reserved":     {Spec{Annotations: map[string]string{OwnedAnnotation: "x"}}, "provision itself"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Kind{}.Check("n1", tc.spec)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
	assert.Error(t, Kind{}.Check("", Spec{}))
	assert.Error(t, Kind{}.Check("a/b", Spec{}))
}

func TestDiff(t *testing.T) {
	want := Spec{Labels: map[string]string{"a": "1", "empty": ""}, Taints: []Taint{{Key: "t", Effect: "NoSchedule"}}, PodCIDRs: []string{"10.0.0.0/24"}}
	asWanted := State{
		Exists: true, Labels: map[string]string{"a": "1", "empty": "", "theirs": "x"}, PodCIDRs: want.PodCIDRs,
		Taints: []Taint{{Key: "node.kubernetes.io/not-ready", Effect: "NoSchedule"}, {Key: "t", Effect: "NoSchedule"}}, Owned: want.owned(),
	}
	with := func(change func(*State)) State {
		state := asWanted
		change(&state)
		return state
	}
	for name, tc := range map[string]struct {
		have State
		want []resource.Change
	}{
		"as wanted": {asWanted, nil},
		"label differs": {with(func(s *State) { s.Labels = map[string]string{"a": "2", "empty": ""} }),
			[]resource.Change{{Field: "labels.a", Old: "2", New: "1"}}},
		"empty label missing": {with(func(s *State) { s.Labels = map[string]string{"a": "1"} }),
			[]resource.Change{{Field: "labels.empty", New: `""`}}},
		"taint missing": {with(func(s *State) { s.Taints = nil }),
			[]resource.Change{{Field: "taints.t:NoSchedule", New: `""`}}},
		"dropped label": {with(func(s *State) { s.Owned.Labels = []string{"a", "empty", "theirs"} }),
			[]resource.Change{{Field: "labels.theirs", Old: "x"}}},
		"owned label that is gone already": {with(func(s *State) { s.Owned.Labels = []string{"a", "b", "empty"} }),
			[]resource.Change{{Field: "owned", Old: "a,b,empty,t:NoSchedule", New: "a,empty,t:NoSchedule"}}},
		"made by its kubelet": {with(func(s *State) { s.Owned = Owned{} }),
			[]resource.Change{{Field: "owned", New: "a,empty,t:NoSchedule"}}},
		"other pod range": {with(func(s *State) { s.PodCIDRs = []string{"10.0.9.0/24"} }),
			[]resource.Change{{Field: "pod_cidrs", Old: "10.0.9.0/24", New: "10.0.0.0/24"}}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tc.want, Kind{}.Diff("n1", want, tc.have)) })
	}
	absent := Kind{}.Diff("n1", want, State{})
	assert.True(t, absent[0].Create)
	assert.Len(t, absent, 5)
}

// nodeAPI keeps one Node.
type nodeAPI struct {
	cluster.Objects
	node cluster.Object
}

func (a *nodeAPI) Get(context.Context, cluster.Ref) (cluster.Object, error) { return a.node, nil }

func (a *nodeAPI) Merge(_ context.Context, _ cluster.Ref, patch cluster.Object) error {
	var change cluster.Object
	if err := cluster.Decode(patch, &change); err != nil {
		return err
	}
	a.node = merged(a.node, change)
	return nil
}

func merged(have, patch map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range have {
		out[key] = value
	}
	for key, value := range patch {
		if inner, ok := value.(map[string]any); ok {
			old, _ := out[key].(map[string]any)
			value = merged(old, inner)
		}
		if out[key] = value; value == nil {
			delete(out, key)
		}
	}
	return out
}

// What others had set comes back when ours leaves the inventory; what is ours
// goes, also when it was changed in between.
func TestKeysThatLeaveGiveBackWhatWasThere(t *testing.T) {
	api := &nodeAPI{}
	require.NoError(t, json.Unmarshal([]byte(`{"metadata":{"name":"n1","labels":{"disk":"hdd","same":"1","theirs":"x"}},
		"spec":{"taints":[{"key":"gpu","value":"old","effect":"NoSchedule"}]}}`), &api.node))
	env := &cluster.Env{Objects: api}
	apply := func(spec Spec) {
		t.Helper()
		require.NoError(t, Kind{}.Apply(t.Context(), env, "n1", spec))
		have, err := Kind{}.Observe(t.Context(), env, "n1", spec)
		require.NoError(t, err)
		assert.Empty(t, Kind{}.Diff("n1", spec, have))
	}
	ours := Spec{Labels: map[string]string{"disk": "ssd", "same": "1", "new": "1"}, Taints: []Taint{{Key: "gpu", Value: "ours", Effect: "NoSchedule"}}}
	apply(ours)
	ours.Labels["disk"] = "nvme"
	apply(ours)
	have, err := Kind{}.Observe(t.Context(), env, "n1", Spec{})
	require.NoError(t, err)
	assert.Contains(t, Kind{}.Diff("n1", Spec{}, have), resource.Change{Field: "labels.disk", Old: "nvme", New: "hdd"})
	apply(Spec{})
	have, err = Kind{}.Observe(t.Context(), env, "n1", Spec{})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"disk": "hdd", "theirs": "x"}, have.Labels)
	assert.Equal(t, []Taint{{Key: "gpu", Value: "old", Effect: "NoSchedule"}}, have.Taints)
	assert.Empty(t, have.Owned)
}

func TestMergeTaintsLeavesThoseOfOthers(t *testing.T) {
	have := []Taint{{Key: "theirs", Effect: "NoExecute"}, {Key: "old", Effect: "NoSchedule"}, {Key: "a", Value: "1", Effect: "NoSchedule"}}
	merged := mergeTaints([]Taint{{Key: "a", Value: "2", Effect: "NoSchedule"}}, have, []string{"a:NoSchedule", "old:NoSchedule"})
	assert.Equal(t, []Taint{{Key: "theirs", Effect: "NoExecute"}, {Key: "a", Value: "2", Effect: "NoSchedule"}}, merged)
}

func TestReadIgnoresABrokenRecord(t *testing.T) {
	state, err := read("n1", cluster.Object{"metadata": map[string]any{"annotations": map[string]any{OwnedAnnotation: "{nonsense"}}})
	require.NoError(t, err)
	assert.True(t, state.Exists)
	assert.Empty(t, state.Owned)
}

func TestStateSurvivesJSONWithoutItsVersion(t *testing.T) {
	raw, err := json.Marshal(State{Exists: true, ResourceVersion: "12"})
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "12", "heartbeats must not make a saved plan stale")
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"metadata":{"annotations":{"provision/owned":"{}"}},"spec":{"taints":[{"key":"a"}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var object cluster.Object
		if json.Unmarshal(raw, &object) != nil {
			return
		}
		state, err := read("n1", object)
		if err == nil && object != nil {
			Kind{}.Diff("n1", Spec{Labels: map[string]string{"a": "1"}}, state)
			patch(Spec{}, state)
		}
	})
}

func TestAbsentNode(t *testing.T) {
	assert.Error(t, Kind{}.Check("n1", Spec{Absent: true, Labels: map[string]string{"a": "b"}}))
	assert.NoError(t, Kind{}.Check("n1", Spec{Absent: true}))
	assert.Empty(t, Kind{}.Diff("n1", Spec{Absent: true}, State{}))
	assert.Equal(t, []resource.Change{{Field: "node", Old: "registered", New: "deleted"}}, Kind{}.Diff("n1", Spec{Absent: true}, State{Exists: true}))
}

// api is a fake that keeps objects by name.
type api struct {
	cluster.Objects
	objects map[string]cluster.Object
	deleted []string
	refuses error
}

func (a *api) Get(_ context.Context, ref cluster.Ref) (cluster.Object, error) {
	return a.objects[ref.String()], nil
}

func (a *api) Create(_ context.Context, object cluster.Object) error {
	a.objects["Node n1"] = object
	return nil
}

func (a *api) Merge(context.Context, cluster.Ref, cluster.Object) error { return nil }

func (a *api) Contents(context.Context, string) ([]cluster.Ref, error) { return nil, nil }

func (a *api) Delete(_ context.Context, ref cluster.Ref) error {
	if a.refuses != nil {
		return a.refuses
	}
	a.deleted = append(a.deleted, ref.String())
	delete(a.objects, ref.String())
	return nil
}

func TestNodeOfAMachineThatIsGone(t *testing.T) {
	reported := func(machine string) cluster.Object {
		return cluster.Object{"metadata": map[string]any{"name": "n1", "labels": map[string]any{"theirs": "1"}},
			"spec": map[string]any{"podCIDRs": []any{"10.32.9.0/24"}}, "status": map[string]any{"nodeInfo": map[string]any{"machineID": machine}}}
	}
	want := Spec{PodCIDRs: []string{"10.32.9.0/24"}, Labels: map[string]string{"ours": "1"}}
	for name, tc := range map[string]struct {
		machine, reported string
		anew              bool
	}{
		"a new machine":            {"new", "old", true},
		"the same machine":         {"old", "old", false},
		"none has reported yet":    {"new", "", false},
		"a machine that is in use": {"", "old", false},
	} {
		t.Run(name, func(t *testing.T) {
			world := &api{objects: map[string]cluster.Object{"Node n1": reported(tc.reported)}}
			env, spec := &cluster.Env{Objects: world}, want
			spec.Machine = tc.machine
			have, err := Kind{}.Observe(t.Context(), env, "n1", spec)
			require.NoError(t, err)
			changes := Kind{}.Diff("n1", spec, have)
			assert.Equal(t, tc.anew, changes[0].Field == "node", "%v", changes)
			for range 2 { // a second apply finds it done
				require.NoError(t, Kind{}.Apply(t.Context(), env, "n1", spec))
			}
			if !tc.anew {
				assert.Empty(t, world.deleted)
				return
			}
			assert.Equal(t, []string{"Node n1", "Lease kube-node-lease/n1"}, world.deleted)
			again, err := Kind{}.Observe(t.Context(), env, "n1", spec)
			require.NoError(t, err)
			assert.NotContains(t, again.Labels, "theirs")
			assert.Equal(t, []string{"10.32.9.0/24"}, again.PodCIDRs, "its pod range stays")
			assert.Empty(t, Kind{}.Diff("n1", spec, again))
		})
	}
}

// A host does not join on a Node that goes under it: the Node is awaited, and
// made anew; while something holds it, the step fails.
func TestNodeThatIsBeingDeleted(t *testing.T) {
	held := cluster.Object{"metadata": map[string]any{"name": "n1", "deletionTimestamp": "2026-01-02T03:04:05Z", "finalizers": []any{"example.com/gone"}}}
	const since = "being deleted since 2026-01-02T03:04:05Z, held by example.com/gone"
	for _, want := range []Spec{{Labels: map[string]string{"a": "1"}}, {Absent: true}} {
		world := &api{objects: map[string]cluster.Object{"Node n1": held}}
		env := &cluster.Env{Objects: world}
		have, err := Kind{}.Observe(t.Context(), env, "n1", want)
		require.NoError(t, err)
		changes := Kind{}.Diff("n1", want, have)
		require.NotEmpty(t, changes)
		assert.Equal(t, Made, changes[0].Field)
		assert.Equal(t, since, changes[0].Old)
		require.NoError(t, Kind{}.Apply(t.Context(), env, "n1", want))
		assert.Equal(t, "Node n1", world.deleted[0])
		have, err = Kind{}.Observe(t.Context(), env, "n1", want)
		require.NoError(t, err)
		assert.Empty(t, have.Deleting)
		assert.Equal(t, !want.Absent, have.Exists)

		world = &api{objects: map[string]cluster.Object{"Node n1": held}, refuses: errors.New("held by finalizer example.com/gone")}
		require.ErrorContains(t, Kind{}.Apply(t.Context(), &cluster.Env{Objects: world}, "n1", want), "held by finalizer example.com/gone")
		assert.Equal(t, held, world.objects["Node n1"], "nothing is written to it")
	}
}
