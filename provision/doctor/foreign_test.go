package doctor_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/doctor"
	"provision/provision/kube"
)

func TestNodesThatNoHostIs(t *testing.T) {
	in := input(master("m1"))
	in.Leaving = []string{"old"}
	in.Nodes = append(in.Nodes, kube.NodeStatus{Name: "old", Ready: true}, kube.NodeStatus{Name: "x1", Ready: true, Unschedulable: true, Since: "2026-01-02T03:04:05Z"},
		kube.NodeStatus{Name: "x2", Reason: "gone"}, kube.NodeStatus{Name: "x3", Deleting: "2026-01-02T03:04:05Z", Finalizers: []string{"example.com/gone"}})
	found := doctor.Diagnose(in)
	assert.Equal(t, []string{"cluster/x2/node-foreign", "cluster/x3/node-deleting", "cluster/x1/node-foreign"}, ids(found))
	assert.Equal(t, "Node x2 is a Node of no host in the inventory, not Ready", found[0].Summary)
	assert.Contains(t, found[0].First, "kubectl delete node x2")
	assert.Empty(t, found[0].Fix, "no verb knows it")
	assert.Equal(t, "Node x3 is being deleted since 2026-01-02T03:04:05Z, held by finalizer example.com/gone", found[1].Summary)
	assert.Equal(t, doctor.Note, found[2].Level)
	assert.Contains(t, found[2].Summary, "Ready since 2026-01-02T03:04:05Z")
}

func TestANodeThatIsBeingDeleted(t *testing.T) {
	in := input(master("m1"))
	in.Nodes[0].Deleting, in.Nodes[0].Unschedulable, in.Nodes[0].Finalizers = "2026-01-02T03:04:05Z", true, []string{"example.com/gone"}
	found := doctor.Diagnose(in)
	require.Equal(t, []string{"m1/node-deleting"}, ids(found), "it is not somebody's cordon")
	assert.Contains(t, found[0].First, `kubectl patch node m1 --type merge -p '{"metadata":{"finalizers":null}}'`)
}
