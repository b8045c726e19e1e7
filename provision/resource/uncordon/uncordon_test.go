package uncordon

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/resource/drain"
)

type objects struct {
	node   cluster.Object
	writes int
}

func (o *objects) Get(context.Context, cluster.Ref) (cluster.Object, error) { return o.node, nil }
func (o *objects) Create(context.Context, cluster.Object) error             { return nil }
func (o *objects) Apply(context.Context, cluster.Object) error              { return nil }
func (o *objects) Contents(context.Context, string) ([]cluster.Ref, error)  { return nil, nil }

func (o *objects) Delete(context.Context, cluster.Ref) error                { return nil }
func (o *objects) Merge(context.Context, cluster.Ref, cluster.Object) error { o.writes++; return nil }

func TestOnlyWhatProvisionCordonedIsUncordoned(t *testing.T) {
	ours := cluster.Object{drain.CordonedAnnotation: "drained"}
	for name, tc := range map[string]struct {
		node   cluster.Object
		writes int
	}{
		"missing":      {nil, 0},
		"schedulable":  {cluster.Object{"metadata": cluster.Object{}}, 0},
		"by a person":  {cluster.Object{"spec": cluster.Object{"unschedulable": true}}, 0},
		"by provision": {cluster.Object{"metadata": cluster.Object{"annotations": ours}, "spec": cluster.Object{"unschedulable": true}}, 1},
		"half undone":  {cluster.Object{"metadata": cluster.Object{"annotations": ours}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := &objects{node: tc.node}
			env := &cluster.Env{Objects: o}
			have, err := Kind{}.Observe(t.Context(), env, "n1", Spec{})
			require.NoError(t, err)
			assert.Len(t, Kind{}.Diff("n1", Spec{}, have), tc.writes)
			require.NoError(t, Kind{}.Apply(t.Context(), env, "n1", Spec{}))
			assert.Equal(t, tc.writes, o.writes)
		})
	}
	isolated := drain.State{Exists: true, Cordoned: true, Ours: true, Isolated: true}
	assert.Empty(t, Kind{}.Diff("n1", Spec{}, isolated), "who is isolated stays so")
	assert.Len(t, Kind{}.Diff("n1", Spec{Isolated: true}, isolated), 1)
	asked := drain.State{Exists: true, Cordoned: true, Ours: true}
	assert.Empty(t, Kind{}.Diff("n1", Spec{Rollout: true}, asked), "what an operator asked for stays when a rollout ends")
	asked.Rollout = true
	assert.Len(t, Kind{}.Diff("n1", Spec{Rollout: true}, asked), 1)
	assert.Error(t, Kind{}.Check("a/b", Spec{}))
	assert.NoError(t, Kind{}.Restore(t.Context(), nil, "n1", drain.State{}))
}
