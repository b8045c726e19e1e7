package outside_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/network/outside"
	"provision/network/routes"
	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/diag"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/cert"
	"provision/provision/resource/file"
	"provision/provision/resource/residue"
	"provision/provision/resource/sysctl"
)

const hosts = `cluster "c" {}
host "m1" {
  address = "10.60.2.11"
  roles = ["etcd", "master"]
}
host "n[1-2]" {
  address = "10.60.2.[21-22]"
  roles = ["node", "gateway"]
}
host "o[1-2]" {
  address = "10.60.2.[31-32]"
  roles = ["outside"]
}
`

func load(t *testing.T, text string) (*inventory.Inventory, diag.List) {
	t.Helper()
	return inventory.Parse(t.Context(), map[string][]byte{"c.hcl": []byte(text)},
		inventory.Options{Parts: []inventory.Part{outside.New()}, Env: func(string) (string, bool) { return "", false }})
}

// cluster is one whose hosts all answered.
func cluster(t *testing.T, blocks string) *component.Cluster {
	t.Helper()
	inv, problems := load(t, hosts+blocks)
	require.NoError(t, problems.Err())
	c := componenttest.With(&component.Cluster{Inventory: inv, Artifacts: componenttest.Store{}, Facts: map[string]facts.Host{}})
	return c
}

func desired(t *testing.T, c *component.Cluster, name string) []resource.Resource {
	t.Helper()
	host, _ := c.Inventory.Host(name)
	if !outside.New().Runs(c, host) {
		return nil
	}
	list, err := outside.New().Desired(c, host)
	require.NoError(t, err)
	return list
}

func config(t *testing.T, c *component.Cluster, name string) routes.Config {
	t.Helper()
	for _, r := range desired(t, c, name) {
		if r.Address.Kind == file.Kind && strings.HasSuffix(r.Address.Name, "routes.json") {
			var spec file.Spec
			var config routes.Config
			require.NoError(t, json.Unmarshal(r.Spec, &spec))
			require.NoError(t, json.Unmarshal([]byte(spec.Content), &config))
			return config
		}
	}
	require.Fail(t, "no configuration")
	return routes.Config{}
}

func TestWhatAHostOutsideIsGiven(t *testing.T) {
	c := cluster(t, `outside_routes "legacy" { hosts = ["o[1-2]"] }`)
	got := config(t, c, "o1")
	assert.Equal(t, routes.ViaNodes, got.Via)
	assert.Equal(t, []string{"10.60.2.11:6443"}, got.APIs, "it has no balancer")
	assert.Equal(t, c.Inventory.Network.Pods, got.Pods)
	var kinds []string
	for _, r := range desired(t, c, "o1") {
		kinds = append(kinds, r.Address.Kind)
		switch r.Address.Kind {
		case cert.Kind:
			var spec cert.Spec
			require.NoError(t, json.Unmarshal(r.Spec, &spec))
			assert.Equal(t, "provision:routes:o1", spec.CommonName)
			assert.Empty(t, spec.Organizations, "no group that may do more")
			assert.True(t, spec.Client && !spec.Server)
		case residue.Kind:
			assert.Contains(t, string(r.Spec), `"routes":[119]`, "what the kernel holds goes with it")
		}
	}
	assert.Subset(t, kinds, []string{"binary", "cert", "file", "unit", residue.Kind})
	for _, node := range []string{"m1", "n1"} {
		assert.Empty(t, desired(t, c, node), "packets and answers go the same way")
	}
}

func TestNodesBehindGatewaysTakePacketsFromThere(t *testing.T) {
	c := cluster(t, "outside_routes \"a\" {\n  hosts = [\"o1\"]\n  via = \"gateways\"\n}\noutside_routes \"b\" {\n  hosts = [\"o2\"]\n  via = \"10.60.2.1\"\n}\n")
	assert.Equal(t, []string{"n1", "n2"}, config(t, c, "o1").Gateways)
	assert.Equal(t, "10.60.2.1", config(t, c, "o2").Via)
	keys := func(host string) []string {
		var list []string
		for _, r := range desired(t, c, host) {
			assert.Equal(t, sysctl.Kind, r.Address.Kind)
			list = append(list, r.Address.Name)
		}
		return list
	}
	assert.Equal(t, []string{"net.ipv4.conf.all.rp_filter"}, keys("m1"))
	assert.Equal(t, []string{"net.ipv4.conf.all.rp_filter", "net.ipv4.fib_multipath_hash_policy"}, keys("n1"))
	c.Inventory.OS.Sysctls = map[string]string{"net.ipv4.conf.all.rp_filter": "0"}
	assert.Empty(t, keys("m1"), "the inventory's own value counts")
}

// What a host's links tell is told before anything changes.
func TestLinksThatCannotCarryTheRoutes(t *testing.T) {
	for says, change := range map[string]struct{ via, link string }{
		"m1 10.60.2.11 is on no network of its links":            {"nodes", "192.0.2.1/24"},
		"n1 10.60.2.21 is on no network of its links":            {"gateways", "192.0.2.1/24"},
		"router 192.0.2.9 is on no network of its links":         {"192.0.2.9", "10.60.2.31/24"},
		"its link eth0 is in 10.32.0.0/16, which overlaps pods":  {"nodes", "10.32.5.1/16"},
		"set via to a router on one of them (c.hcl:":             {"nodes", "192.0.2.1/24"},
		"which overlaps pods 10.32.0.0/12; renumber one of them": {"gateways", "10.32.5.1/16"},
	} {
		c := cluster(t, "outside_routes \"a\" {\n  hosts = [\"o1\"]\n  via = \""+change.via+"\"\n}\n")
		known := c.Facts["o1"]
		known.Addresses = []facts.Address{{Interface: "lo", CIDR: "127.0.0.1/8"}, {Interface: "eth0", CIDR: change.link}}
		c.Facts["o1"] = known
		host, _ := c.Inventory.Host("o1")
		_, err := outside.New().Desired(c, host)
		assert.ErrorContains(t, err, says)
	}
}

func TestOnlyHostsWithRoutesMayKnowNodes(t *testing.T) {
	wide := func(c *component.Cluster) string {
		w, err := outside.New().(component.Clusterwide).Clusterwide(c)
		require.NoError(t, err)
		var text strings.Builder
		for _, r := range w.Resources {
			text.Write(r.Spec)
		}
		return text.String()
	}
	both := wide(cluster(t, `outside_routes "a" { hosts = ["o1", "o2"] }`))
	assert.Contains(t, both, `"rules":[{"apiGroups":[""],"resources":["nodes"],"verbs":["get","list","watch"]}]`)
	assert.Equal(t, 2, strings.Count(both, `"kind":"User"`))
	one := wide(cluster(t, `outside_routes "a" { hosts = ["o1"] }`))
	assert.Contains(t, one, "provision:routes:o1")
	assert.NotContains(t, one, "provision:routes:o2")
	assert.Empty(t, wide(cluster(t, "")), "both objects leave with the last host")
}

func TestJudged(t *testing.T) {
	for text, says := range map[string]string{
		`outside_routes "a" { hosts = ["o9"] }`:                                          `"o9", which is no host of this inventory`,
		`outside_routes "a" { hosts = ["n1"] }`:                                          `"n1" has no role "outside"`,
		`outside_routes "a" { hosts = ["o1", "o1"] }`:                                    `"o1" is named twice`,
		`outside_routes "a" { hosts = ["o[1-"] }`:                                        `without a ']'`,
		"outside_routes \"a\" {\n hosts = [\"o1\"]\n via = \"node\"\n}":                  `"node" is not "nodes", "gateways" or the address`,
		"outside_routes \"a\" {\n hosts = [\"o1\"]\n via = \"10.32.0.1\"\n}":             `10.32.0.1 lies in pods 10.32.0.0/12`,
		"outside_routes \"a\" {\n hosts = [\"o1\"]\n via = \"2001:db8::1\"\n}":           `give an address of the same family`,
		"outside_routes \"a\" { hosts = [\"o1\"] }\noutside_routes \"a\" { hosts = [] }": `outside_routes "a" is given twice`,
		`outside_routes "a" {}`:                                                          `hosts`,
		"host \"g\" {\n address = \"10.60.2.9\"\n roles = [\"gateway\"]\n}":              `"g" has the role "gateway" and does not reach pods`,
		"host \"p\" {\n address = \"10.32.0.9\"\n roles = [\"outside\"]\n}":              `lies in pods`,
	} {
		_, problems := load(t, hosts+text)
		require.True(t, problems.HasErrors(), text)
		assert.Contains(t, problems.Err().Error(), says, text)
	}
	_, problems := load(t, strings.ReplaceAll(hosts, `, "gateway"`, "")+"outside_routes \"a\" {\n hosts = [\"o[1-2]\"]\n via = \"gateways\"\n}")
	assert.ErrorContains(t, problems.Err(), "no host has that role")
	_, problems = load(t, hosts+`outside_routes "a" { hosts = ["o1"] }`)
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].Detail, `Nothing is to be done on "o2"`)
}
