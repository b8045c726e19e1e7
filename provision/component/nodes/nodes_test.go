package nodes_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/kubelet"
	"provision/provision/component/nodes"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/drain"
	"provision/provision/resource/node"
	"provision/provision/resource/uncordon"
)

func wide(t *testing.T, c *component.Cluster) (component.Wide, map[resource.Address]resource.Resource) {
	t.Helper()
	w, err := nodes.New().(component.Clusterwide).Clusterwide(c)
	require.NoError(t, err)
	list := map[resource.Address]resource.Resource{}
	for _, r := range w.Resources {
		list[r.Address] = r
	}
	return w, list
}

func specOf[T any](t *testing.T, r resource.Resource) T {
	t.Helper()
	var spec T
	require.NotNil(t, r.Spec, "it is not wanted")
	require.NoError(t, json.Unmarshal(r.Spec, &spec))
	return spec
}

func TestNodesAreThoseOfHostsThatAnswerAndJoin(t *testing.T) {
	c := componenttest.With(componenttest.Lab(), componenttest.Host("e1", "10.40.0.31", inventory.RoleEtcd))
	c.Components = []component.Component{kubelet.New()}
	delete(c.Facts, "n2")
	w, list := wide(t, c)
	for _, host := range []string{"m1", "n1"} {
		require.Contains(t, list, component.NodeAt(host))
		assert.Contains(t, list, nodes.UncordonAt(host))
	}
	assert.NotContains(t, list, component.NodeAt("n2"), "it may never come")
	assert.NotContains(t, list, component.NodeAt("e1"), "it has no kubelet")
	master := specOf[node.Spec](t, list[component.NodeAt("m1")])
	assert.Equal(t, []node.Taint{{Key: node.ControlPlane, Effect: "NoSchedule"}}, master.Taints)
	assert.Equal(t, map[string]string{"labels.kubernetes.io/hostname": kubelet.Unit}, master.Registered)
	assert.Empty(t, specOf[node.Spec](t, list[component.NodeAt("n1")]).Taints)

	assert.True(t, w.Guards["m1"].Keeper)
	assert.True(t, w.Guards["e1"].Keeper && w.Guards["e1"].Unit == "", "it takes its turn, and nothing is drained")
	assert.True(t, w.Guards["n1"].Alone, "no worker but n2, which is away, could take its pods")
	assert.False(t, w.Guards["m1"].Alone)
}

func TestIsolatedHostsAreEmptyAlsoWhenTheyDoNotAnswer(t *testing.T) {
	c := componenttest.Lab()
	delete(c.Facts, "n2")
	c.Isolated = map[string]bool{"n1": true, "n2": true}
	w, list := wide(t, c)
	for _, host := range []string{"n1", "n2"} {
		assert.Contains(t, specOf[node.Spec](t, list[component.NodeAt(host)]).Taints, node.Taint{Key: drain.IsolatedTaint, Effect: "NoSchedule"})
		assert.True(t, specOf[drain.Spec](t, list[nodes.DrainAt(host)]).Stay, "whoever looks into it may put pods there")
		assert.NotContains(t, list, nodes.UncordonAt(host))
	}
	assert.Empty(t, w.Guards["n1"].Drain.Address, "nothing is left to drain")

	c.Isolation = &component.Isolation{Hosts: []string{"n1"}, Unmanaged: true, Timeout: time.Minute}
	_, list = wide(t, c)
	assert.Equal(t, drain.Spec{ReadyOnly: true, Unmanaged: true, Timeout: time.Minute}, specOf[drain.Spec](t, list[nodes.DrainAt("n1")]))

	c.Isolated, c.Isolation = nil, &component.Isolation{Hosts: []string{"n1"}, Recover: true}
	_, list = wide(t, c)
	assert.True(t, specOf[uncordon.Spec](t, list[nodes.UncordonAt("n1")]).Isolated)
}

func TestTheNodeOfAHostThatLeavesGoesLast(t *testing.T) {
	for name, tc := range map[string]struct {
		leaves component.Leaving
		drains bool
	}{
		"leaves":           {component.Leaving{Host: componenttest.Host("old", "10.40.0.41"), Parts: []string{kubelet.Name, "kube-proxy"}, Whole: true}, true},
		"loses its role":   {component.Leaving{Host: componenttest.Host("n1", "10.40.0.21"), Parts: []string{kubelet.Name}}, true},
		"never answers":    {component.Leaving{Host: componenttest.Host("old", "10.40.0.41"), Parts: []string{kubelet.Name}, Whole: true, Gone: true}, false},
		"was only of etcd": {component.Leaving{Host: componenttest.Host("old", "10.40.0.41"), Parts: []string{"etcd"}, Whole: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := componenttest.Lab()
			c.Facts = map[string]facts.Host{}
			c.Leaving = []component.Leaving{tc.leaves}
			w, list := wide(t, c)
			host := tc.leaves.Host.Name
			absent, goes := list[component.NodeAt(host)]
			require.Equal(t, len(c.Losing(kubelet.Name)) > 0, goes)
			if !goes {
				assert.Empty(t, w.Leaves)
				return
			}
			assert.True(t, specOf[node.Spec](t, absent).Absent)
			assert.Equal(t, tc.drains, list[nodes.DrainAt(host)].Spec != nil)
			assert.Equal(t, component.Leave{First: []resource.Address{nodes.DrainAt(host)}, Last: []resource.Address{absent.Address}}, w.Leaves[host])
		})
	}
}
