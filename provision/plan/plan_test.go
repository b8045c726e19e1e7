package plan

import (
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/resource"
)

func TestTouchesAreHostsWhereSomethingChanges(t *testing.T) {
	step := func(host, name string, action Action) Step {
		return Step{Address: resource.Address{Host: host, Kind: "unit", Name: name}, Action: action}
	}
	p := &Plan{Steps: []Step{
		step("m1", "etcd", Restart), step("m1", "kubelet", Reload), step("w1", "kubelet", Remove),
		step("w2", "health", Wait), step(resource.ClusterHost, "object", Create),
	}}
	require.Equal(t, map[string]bool{"m1": true, "w1": true}, p.Touches())
	require.Empty(t, (&Plan{}).Touches())
}
