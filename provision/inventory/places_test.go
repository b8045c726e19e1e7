package inventory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
	"provision/provision/parts"
)

func TestPlacesAreWhereSettingsAreWritten(t *testing.T) {
	inv, diags := inventory.Parse(t.Context(), map[string][]byte{
		"dc1.hcl":  []byte("cluster \"dc1\" {\n  version = \"1.37.1\"\n}\nhost \"m1\" {\n  address = \"192.0.2.1\"\n  roles = [\"etcd\", \"master\", \"node\"]\n}\n"),
		"node.hcl": []byte("kubernetes {\n  kubelet = {\n    maxPods = 70\n    \"evictionHard\" = { \"memory.available\" = \"1Gi\" }\n    featureGates = {\n      NodeLogQuery = true\n    }\n  }\n}\nnetwork {\n  plugin \"flannel\" { mtu = 1400 }\n}\n"),
	}, inventory.Options{Parts: parts.All()})
	require.NotNil(t, inv, "%v", diags)
	for path, line := range map[string]int{
		"kubernetes.kubelet": 2, "kubernetes.kubelet.maxPods": 3, "kubernetes.kubelet.evictionHard.memory.available": 4,
		"kubernetes.kubelet.featureGates.NodeLogQuery": 6, "network.plugin.flannel.mtu": 11,
	} {
		at, ok := inv.Places[path]
		assert.True(t, ok, path)
		assert.Equal(t, "node.hcl", at.Filename, path)
		assert.Equal(t, line, at.Start.Line, path)
	}
}
