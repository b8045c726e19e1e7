package plan_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/desired"
	"provision/provision/facts"
	"provision/provision/plan"
	"provision/provision/resource"
)

func object(kind, name string) resource.Resource {
	return resource.New(resource.ClusterHost, kind, name, 1)
}

// shrunk is a cluster of m1 and n1 from which n1 goes.
func shrunk(t *testing.T, leave plan.Leave, seen plan.Observed) *plan.Plan {
	t.Helper()
	drain, node := object("drain", "n1"), object("node", "n1")
	reload := service("m1", "haproxy.service")
	g, err := desired.Build(desired.Input{Cluster: &component.Cluster{}, Objects: []resource.Resource{drain, node}})
	assert.NoError(t, err)
	differ := plan.ClusterObserved{Changes: []resource.Change{{Field: "there", Old: "yes", New: "no"}}}
	return plan.Build(plan.Input{Cluster: "dc1", UUID: "u1", Target: "the real hosts", Now: time.Unix(1, 0).UTC(), Graph: g,
		Hosts:   map[string]plan.Observed{"m1": differs(nil, reload), "n1": seen},
		Objects: map[resource.Address]plan.ClusterObserved{drain.Address: differ, node.Address: differ},
		Leaving: map[string]plan.Leave{"n1": leave}})
}

func emptied() plan.Observed {
	return plan.Observed{Result: api.PlanResult{Removed: []facts.Resource{{ID: `unit["kubelet.service"]`}, {ID: `file["/etc/kubernetes/kubelet.yaml"]`}}}}
}

func TestHostThatLeavesIsDrainedEmptiedAndForgotten(t *testing.T) {
	drain, node := object("drain", "n1").Address, object("node", "n1").Address
	p := shrunk(t, plan.Leave{First: []resource.Address{drain}, Last: []resource.Address{node}, Whole: true}, emptied())
	kubelet := service("n1", "kubelet.service").Address
	config := file("n1", "/etc/kubernetes/kubelet.yaml").Address
	own := plan.JoinAddress("n1", "dc1")
	assert.Contains(t, find(t, p, kubelet).Requires, drain)
	assert.Contains(t, find(t, p, config).Requires, kubelet)
	assert.Contains(t, find(t, p, own).Requires, config)
	assert.Equal(t, plan.Remove, find(t, p, own).Action)
	assert.Contains(t, find(t, p, node).Requires, own)
	assert.Contains(t, find(t, p, plan.ForgetAddress("n1")).Requires, node)
	assert.Empty(t, find(t, p, drain).Requires)
	assert.NotContains(t, find(t, p, kubelet).Requires, own, "the identity goes last")
}

func TestHostThatIsEmptyAlreadyIsOnlyForgotten(t *testing.T) {
	drain, node := object("drain", "n1").Address, object("node", "n1").Address
	p := shrunk(t, plan.Leave{First: []resource.Address{drain}, Last: []resource.Address{node}, Whole: true}, plan.Observed{New: true})
	assert.Equal(t, []resource.Address{drain}, find(t, p, node).Requires)
	assert.ElementsMatch(t, []resource.Address{drain, node}, find(t, p, plan.ForgetAddress("n1")).Requires)
	for _, s := range p.Steps {
		assert.NotEqual(t, "n1", s.Address.Host, "nothing is left to do there")
	}
}

func TestHostThatLosesARoleStaysKnown(t *testing.T) {
	drain, node := object("drain", "n1").Address, object("node", "n1").Address
	p := shrunk(t, plan.Leave{First: []resource.Address{drain}, Last: []resource.Address{node}}, emptied())
	assert.Contains(t, find(t, p, node).Requires, file("n1", "/etc/kubernetes/kubelet.yaml").Address)
	for _, s := range p.Steps {
		assert.NotContains(t, []string{plan.RosterKind, plan.IdentityKind}, s.Address.Kind)
	}
}

func TestHostThatIsGoneIsForgottenWithoutIt(t *testing.T) {
	node := object("node", "n1").Address
	p := shrunk(t, plan.Leave{Last: []resource.Address{node}, Whole: true, Gone: true}, plan.Observed{})
	assert.Equal(t, []resource.Address{node}, find(t, p, plan.ForgetAddress("n1")).Requires)
}
