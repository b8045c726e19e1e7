package components_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component/components"
	"provision/provision/component/componenttest"
)

// What needs a Node without pods, and what must never: etcd and API servers do
// not wait for a Node to be emptied, which needs them.
func TestWhatNeedsAnEmptyNode(t *testing.T) {
	c := componenttest.Single()
	host := c.Inventory.Hosts[0]
	drains := map[string]bool{}
	for _, comp := range components.All() {
		if !comp.Runs(c, host) {
			continue
		}
		list, err := comp.Desired(c, host)
		require.NoError(t, err)
		for _, r := range list {
			drains[r.Address.ID()] = r.Drains
			if r.Drains {
				assert.NotContains(t, []string{"etcd", "controlplane", "trust", "loadbalancer"}, comp.Name(), r.Address)
			}
		}
	}
	for _, id := range []string{`binary["/usr/local/bin/kubelet"]`, `binary["/usr/local/bin/containerd"]`,
		`binary["/usr/local/bin/containerd-shim-runc-v2"]`, `binary["/usr/local/bin/runc"]`, `file["/etc/containerd/config.toml"]`,
		`binary["/usr/local/bin/kube-proxy"]`, `binary["/usr/local/bin/flanneld"]`} {
		assert.True(t, drains[id], id)
	}
	for _, id := range []string{`binary["/usr/local/bin/ctr"]`, `file["/etc/kubernetes/kube-proxy.yaml"]`, `file["/etc/systemd/system/kubelet.service"]`, `unit["kubelet.service"]`} {
		is, there := drains[id]
		assert.True(t, there && !is, id)
	}
}
