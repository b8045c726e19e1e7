package kubelet_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/kubelet"
	"provision/provision/resource/cert"
	"provision/provision/resource/file"
)

func config(t *testing.T, c *component.Cluster, host string) map[string]any {
	t.Helper()
	h, _ := c.Inventory.Host(host)
	list, err := kubelet.New().Desired(c, h)
	require.NoError(t, err)
	for _, r := range list {
		if r.Address.Name == "/etc/kubernetes/kubelet.yaml" {
			var spec file.Spec
			require.NoError(t, json.Unmarshal(r.Spec, &spec))
			var value map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(spec.Content), &value))
			return value
		}
	}
	return nil
}

func TestInventoryIsMergedOver(t *testing.T) {
	c := componenttest.Lab()
	c.Inventory.Kubernetes.CgroupDriver = "cgroupfs"
	c.Inventory.OS.Swap = "ignore"
	c.Inventory.Kubernetes.Kubelet = map[string]any{
		"failCgroupV1": false,
		"featureGates": map[string]any{"KubeletInUserNamespace": true},
		"evictionHard": map[string]any{"nodefs.available": "1%"},
		"maxPods":      50,
	}
	got := config(t, c, "n1")
	assert.Equal(t, false, got["failCgroupV1"])
	assert.Equal(t, map[string]any{"KubeletInUserNamespace": true}, got["featureGates"])
	assert.Equal(t, "1%", got["evictionHard"].(map[string]any)["nodefs.available"])
	assert.Equal(t, "200Mi", got["evictionHard"].(map[string]any)["memory.available"], "maps are merged")
	assert.EqualValues(t, 50, got["maxPods"])
	assert.Equal(t, "cgroupfs", got["cgroupDriver"])
	assert.Equal(t, false, got["failSwapOn"])
}

func TestDefaultsAreSafe(t *testing.T) {
	got := config(t, componenttest.Lab(), "n1")
	authentication := got["authentication"].(map[string]any)
	assert.Equal(t, map[string]any{"enabled": false}, authentication["anonymous"])
	assert.Equal(t, "Webhook", got["authorization"].(map[string]any)["mode"])
	assert.Equal(t, true, got["rotateCertificates"])
	assert.EqualValues(t, 0, got["readOnlyPort"])
	assert.NotContains(t, got, "staticPodPath")
}

func TestResolverIsTheHosts(t *testing.T) {
	c := componenttest.Lab()
	known := c.Facts["n1"]
	known.Resolver = "/run/systemd/resolve/resolv.conf"
	c.Facts["n1"] = known
	assert.Equal(t, "/run/systemd/resolve/resolv.conf", config(t, c, "n1")["resolvConf"])

	known.Resolver, known.OS.ID, known.OS.Version = "", "ubuntu", "24.04"
	c.Facts["n1"] = known
	assert.Equal(t, "/run/systemd/resolve/resolv.conf", config(t, c, "n1")["resolvConf"], "what is known of the system")
}

func TestNoMorePodsThanAddresses(t *testing.T) {
	for prefix, want := range map[int]float64{24: 110, 25: 110, 26: 61, 28: 13, 64: 110, 0: 110} {
		c := componenttest.Lab()
		c.Inventory.Network.NodePrefix = prefix
		assert.Equal(t, want, config(t, c, "n1")["maxPods"], prefix)
	}
}

func TestMastersReserveForTheControlPlane(t *testing.T) {
	c := componenttest.Lab()
	assert.Equal(t, "256Mi", config(t, c, "n1")["systemReserved"].(map[string]any)["memory"])
	assert.Equal(t, "1280Mi", config(t, c, "m1")["systemReserved"].(map[string]any)["memory"])
}

func TestWaitsForItsNodeAndAdoptsItsCertificate(t *testing.T) {
	c := componenttest.Lab()
	h, _ := c.Inventory.Host("n1")
	list, err := kubelet.New().Desired(c, h)
	require.NoError(t, err)
	last := list[len(list)-1]
	assert.Equal(t, component.UnitAt("n1", kubelet.Unit), last.Address)
	assert.Contains(t, last.Requires, component.NodeAt("n1"))
	adopted := false
	for _, r := range list {
		var spec cert.Spec
		if r.Address.Kind != cert.Kind || json.Unmarshal(r.Spec, &spec) != nil || !spec.Adopt {
			continue
		}
		adopted = true
		assert.Equal(t, "system:node:n1", spec.CommonName)
		assert.Equal(t, []string{"system:nodes"}, spec.Organizations)
		// kubelet renews in the last 10 to 30 % of the life.
		assert.Less(t, spec.RenewBefore, spec.Life/10)
	}
	assert.True(t, adopted)
}
