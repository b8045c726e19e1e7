package kubeproxy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/kubeproxy"
	"provision/provision/inventory"
	"provision/provision/resource/file"
)

func config(t *testing.T, c *component.Cluster) string {
	t.Helper()
	list, err := kubeproxy.New().Desired(c, c.Inventory.Hosts[0])
	require.NoError(t, err)
	for _, r := range list {
		if r.Address.Name == "/etc/kubernetes/kube-proxy.yaml" {
			var spec file.Spec
			require.NoError(t, json.Unmarshal(r.Spec, &spec))
			return spec.Content
		}
	}
	return ""
}

// A gateway sees one half of connections.
func TestGatewaysOfIptablesTakeHalvesOfConnections(t *testing.T) {
	for _, c := range []struct {
		mode    string
		gateway bool
		want    bool
	}{{"iptables", true, true}, {"iptables", false, false}, {"nftables", true, false}, {"", true, false}} {
		cluster := componenttest.Small()
		inv := cluster.Inventory
		inv.Network.ProxyMode = c.mode
		if c.gateway {
			inv.Hosts[1].Roles = append(inv.Hosts[1].Roles, inventory.RoleGateway)
		}
		assert.Equal(t, c.want, strings.Contains(config(t, cluster), "conntrack:\n  tcpBeLiberal: true\n"), "%+v", c)
	}
}

func TestConntrackIsLeftOutUnlessGiven(t *testing.T) {
	c := componenttest.Single()
	assert.NotContains(t, config(t, c), "conntrack")
	zero, some := 0, 4096
	c.Inventory.Network.ProxyConntrackMaxPerCore = &zero
	assert.Contains(t, config(t, c), "conntrack:\n  maxPerCore: 0\n")
	c.Inventory.Network.ProxyConntrackMin = &some
	assert.Contains(t, config(t, c), "  min: 4096\n")
}

func TestMode(t *testing.T) {
	c := componenttest.Single()
	c.Inventory.Network.ProxyMode = ""
	assert.Contains(t, config(t, c), "mode: nftables\n")
	c.Inventory.Network.ProxyMode = "iptables"
	assert.Contains(t, config(t, c), "mode: iptables\n")
}
