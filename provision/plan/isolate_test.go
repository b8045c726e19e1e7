package plan_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/plan"
	"provision/provision/resource"
)

// A host is marked before anything else, and the mark goes last: a run that is
// killed in between leaves a host that is known to be isolated.
func TestTheMarkOfAnIsolatedHostComesFirstAndGoesLast(t *testing.T) {
	node, empty, other := object("node", "n1"), object("drain", "n1"), object("node", "n2")
	g, err := desired.Build(desired.Input{Cluster: &component.Cluster{}, Objects: []resource.Resource{node, empty, other}})
	require.NoError(t, err)
	differ := plan.ClusterObserved{Changes: []resource.Change{{Field: "taint", New: "isolated"}}}
	mark := plan.IsolationAddress("n1")
	for name, back := range map[string]bool{"isolate": false, "recover": true} {
		t.Run(name, func(t *testing.T) {
			in := plan.Input{Cluster: "dc1", UUID: "u1", Target: "the real hosts", Now: time.Unix(1, 0).UTC(), Graph: g,
				Hosts:     map[string]plan.Observed{"n1": differs(nil), "n2": differs(nil)},
				Objects:   map[resource.Address]plan.ClusterObserved{node.Address: differ, empty.Address: differ, other.Address: differ},
				Isolating: map[string]plan.Isolating{"n1": {Back: back, Steps: []resource.Address{node.Address, empty.Address}}}}
			in.Targets, err = plan.ParseTargets([]string{mark.String(), node.Address.String(), empty.Address.String()}, in)
			require.NoError(t, err)
			p := plan.Build(in)
			assert.Len(t, p.Steps, 3, "nothing but what it takes")
			if back {
				assert.ElementsMatch(t, []resource.Address{node.Address, empty.Address}, find(t, p, mark).Requires)
				return
			}
			assert.Empty(t, find(t, p, mark).Requires)
			for _, a := range []resource.Address{node.Address, empty.Address} {
				assert.Contains(t, find(t, p, a).Requires, mark)
			}
		})
	}
}
