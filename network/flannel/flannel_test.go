package flannel_test

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/network/flannel"
	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/resource/file"
)

func body(t *testing.T, text string) hcl.Body {
	t.Helper()
	parsed, diags := hclsyntax.ParseConfig([]byte(text), "network.hcl", hcl.InitialPos)
	require.False(t, diags.HasErrors(), diags)
	return parsed.Body
}

func TestDecode(t *testing.T) {
	got, diags := flannel.Decode(nil)
	require.Empty(t, diags)
	assert.Equal(t, flannel.Settings{Backend: "vxlan", Port: 8472, VNI: 1}, got)

	got, diags = flannel.Decode(body(t, "port = 4789\nvni = 4096\nmtu = 9000\ndirect_routing = true"))
	require.Empty(t, diags)
	assert.Equal(t, flannel.Settings{Backend: "vxlan", Port: 4789, VNI: 4096, MTU: 9000, DirectRouting: true}, got)
}

func TestDecodeRefuses(t *testing.T) {
	for text, says := range map[string]string{
		`backend = "udp"`: `"host-gw"`,
		`port = 70000`:    "65535",
		`vni = 16777216`:  "16777215",
		`mtu = 10`:        "576",
		`prot = 1`:        "prot",
		`port = "x"`:      "number",
	} {
		_, diags := flannel.Decode(body(t, text))
		require.True(t, diags.HasErrors(), text)
		assert.Contains(t, diags.Error(), says)
		assert.NotNil(t, diags[0].Subject, text)
	}
}

func content(t *testing.T, c *component.Cluster, host, path string) map[string]any {
	t.Helper()
	h, _ := c.Inventory.Host(host)
	list, err := flannel.New().Desired(c, h)
	require.NoError(t, err)
	for _, r := range list {
		if r.Address.Kind == file.Kind && r.Address.Name == path {
			var spec file.Spec
			require.NoError(t, json.Unmarshal(r.Spec, &spec))
			var value map[string]any
			require.NoError(t, json.Unmarshal([]byte(spec.Content), &value))
			return value
		}
	}
	require.Fail(t, "no such file", path)
	return nil
}

func bridge(t *testing.T, c *component.Cluster, host string) map[string]any {
	t.Helper()
	conflist := content(t, c, host, "/etc/cni/net.d/10-flannel.conflist")
	return conflist["plugins"].([]any)[0].(map[string]any)
}

func TestPodsGetTheHostsOwnRangeAndMTU(t *testing.T) {
	c := componenttest.Lab()
	known := c.Facts["n2"]
	known.Addresses[0].MTU = 9000
	c.Facts["n2"] = known
	for _, host := range []string{"n1", "n2"} {
		ranges := bridge(t, c, host)["ipam"].(map[string]any)["ranges"].([]any)[0].([]any)[0].(map[string]any)
		assert.Equal(t, c.PodCIDRs[host].String(), ranges["subnet"])
	}
	assert.EqualValues(t, 1450, bridge(t, c, "n1")["mtu"])
	assert.EqualValues(t, 8950, bridge(t, c, "n2")["mtu"])
}

func TestAttributesReachBothSides(t *testing.T) {
	c := componenttest.Lab()
	c.Inventory.Network.Plugin.Body = body(t, "mtu = 1400\nport = 4789\nvni = 7")
	assert.EqualValues(t, 1350, bridge(t, c, "n1")["mtu"])
	conf := content(t, c, "n1", "/etc/flannel/net-conf.json")
	assert.Equal(t, map[string]any{"Type": "vxlan", "Port": 4789.0, "VNI": 7.0, "MTU": 1400.0}, conf["Backend"])

	c.Inventory.Network.Plugin.Body = body(t, `backend = "host-gw"`)
	assert.EqualValues(t, 1500, bridge(t, c, "n1")["mtu"], "plain routes add nothing to a packet")
	conf = content(t, c, "n1", "/etc/flannel/net-conf.json")
	assert.Equal(t, map[string]any{"Type": "host-gw"}, conf["Backend"])
}

func TestRunsOnlyWhereChosen(t *testing.T) {
	c := componenttest.Lab()
	node, _ := c.Inventory.Host("n1")
	assert.True(t, flannel.New().Runs(c, node))
	c.Inventory.Network.Plugin.Name = "static"
	assert.False(t, flannel.New().Runs(c, node))
	assert.Empty(t, flannel.New().Artifacts(c))
	w, err := flannel.New().(component.Clusterwide).Clusterwide(c)
	require.NoError(t, err)
	assert.Empty(t, w)
}

func TestHostWithoutRangeIsAnError(t *testing.T) {
	c := componenttest.Lab()
	delete(c.PodCIDRs, "n1")
	node, _ := c.Inventory.Host("n1")
	_, err := flannel.New().Desired(c, node)
	assert.ErrorContains(t, err, "n1 has no pod CIDR")
}
