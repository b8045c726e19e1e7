package flannel_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/network/flannel"
	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/diag"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource/file"
)

// load reads an inventory with this body of plugin "flannel".
func load(t *testing.T, body string) (*inventory.Inventory, diag.List) {
	t.Helper()
	text := "variable \"mtu\" { default = 1400 }\ncluster \"c\" {}\nhost \"a\" {\n  address = \"192.0.2.1\"\n  roles = [\"etcd\", \"master\", \"node\"]\n}\n" +
		"network {\n  plugin \"flannel\" {\n    " + body + "\n  }\n}\n"
	return inventory.Parse(t.Context(), map[string][]byte{"network.hcl": []byte(text)},
		inventory.Options{Parts: []inventory.Part{flannel.New()}, Env: func(string) (string, bool) { return "", false }})
}

// with puts what a body says into a cluster.
func with(t *testing.T, c *component.Cluster, body string) flannel.Settings {
	t.Helper()
	inv, problems := load(t, body)
	require.NoError(t, problems.Err())
	if c != nil {
		c.Inventory.Settings = inv.Settings
	}
	return inventory.Settings[flannel.Settings](inv, flannel.New().(inventory.Configured))
}

func TestSettings(t *testing.T) {
	assert.Equal(t, flannel.Settings{Backend: "vxlan", Port: 8472, VNI: 1}, with(t, nil, ""))
	assert.Equal(t, flannel.Settings{Backend: "vxlan", Port: 4789, VNI: 4096, MTU: 9000, DirectRouting: true},
		with(t, nil, "port = 4789\nvni = 4096\nmtu = 9000\ndirect_routing = true"))
	assert.Equal(t, 1450, with(t, nil, "mtu = var.mtu + 50").MTU, "plug-ins see variables and functions")
	assert.Equal(t, flannel.Settings{Backend: "vxlan", Port: 8472, VNI: 1},
		inventory.Settings[flannel.Settings](&inventory.Inventory{}, flannel.New().(inventory.Configured)), "of an inventory that was not loaded")
}

// What is wrong in a plugin block is told where it stands, before any host is asked.
func TestSettingsAreJudgedWithTheInventory(t *testing.T) {
	for text, says := range map[string]string{
		`backend = "wireguard"`:        `"wireguard" is not one of vxlan, host-gw, udp`,
		`backend = "vxlam"`:            `did you mean "vxlan"?`,
		`backend = "udp"`:              `udp carries each packet through a program, for kernels of former days; use vxlan, or host-gw where all hosts are in one subnet`,
		`port = 70000`:                 "65535",
		`vni = 16777216`:               "16777215",
		`mtu = 10`:                     "576",
		`prot = 1`:                     `did you mean "port"?`,
		`port = "x"`:                   "number",
		`mtu = var.mtuu`:               `did you mean "mtu"?`,
		`backend = sensitive("vxlan")`: "cannot come from a sensitive variable",
	} {
		_, problems := load(t, text)
		require.True(t, problems.HasErrors(), text)
		assert.Contains(t, problems[0].Detail, says)
		assert.Equal(t, 9, problems[0].Places[0].Range.Start.Line, text)
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
	with(t, c, "mtu = 1400\nport = 4789\nvni = 7")
	assert.EqualValues(t, 1350, bridge(t, c, "n1")["mtu"])
	conf := content(t, c, "n1", "/etc/flannel/net-conf.json")
	assert.Equal(t, map[string]any{"Type": "vxlan", "Port": 4789.0, "VNI": 7.0, "MTU": 1400.0}, conf["Backend"])

	with(t, c, `backend = "host-gw"`)
	assert.EqualValues(t, 1500, bridge(t, c, "n1")["mtu"], "plain routes add nothing to a packet")
	conf = content(t, c, "n1", "/etc/flannel/net-conf.json")
	assert.Equal(t, map[string]any{"Type": "host-gw"}, conf["Backend"])
}

// The kernel translates once: what comes before flanneld's rules counts.
func TestPodsKeepTheirAddressTowardsNetworks(t *testing.T) {
	c := componenttest.Lab()
	kinds := func() (text string) {
		h, _ := c.Inventory.Host("n1")
		list, err := flannel.New().Desired(c, h)
		require.NoError(t, err)
		for _, r := range list {
			if r.Address.Kind == file.Kind && r.Address.Name == "/etc/kubernetes/keep-source.nft" {
				var spec file.Spec
				require.NoError(t, json.Unmarshal(r.Spec, &spec))
				text = spec.Content
				assert.Equal(t, "provision-keep-source.service", r.Triggers[0].Unit, "a change is loaded")
			}
		}
		return text
	}
	assert.Empty(t, kinds())
	c.Inventory.Network.KeepSource = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16"), netip.MustParsePrefix("198.51.100.7/32")}
	assert.Contains(t, kinds(), "type nat hook postrouting priority srcnat - 1; policy accept;\n    ip saddr 10.32.0.0/12 ip daddr { 10.9.0.0/16, 198.51.100.7/32 } snat to ip saddr\n")
}

// Routes of host-gw lead to neighbours only.
func TestHostGWTakesOneSubnet(t *testing.T) {
	c := componenttest.Lab()
	known := c.Facts["n1"]
	known.Addresses = []facts.Address{{Interface: "lo", CIDR: "127.0.0.1/8"}, {Interface: "eth0", CIDR: "10.40.0.21/28"}}
	c.Facts["n1"] = known
	host, _ := c.Inventory.Host("n1")
	_, err := flannel.New().Desired(c, host)
	require.NoError(t, err, "vxlan goes by routers")
	with(t, c, `backend = "host-gw"`)
	_, err = flannel.New().Desired(c, host)
	assert.ErrorContains(t, err, `cannot route to pods of host m1 from host n1: 10.40.0.11 is on no network of its links, and host-gw knows no routers; use backend = "vxlan" with direct_routing = true`)
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
