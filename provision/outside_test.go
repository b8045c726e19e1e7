package provision_test

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/network/outside"
	"provision/provision"
	"provision/provision/fleettest"
	"provision/provision/inventory"
)

// outsideOf adds hosts outside, with routes.
func outsideOf(inv *inventory.Inventory, names ...string) *inventory.Inventory {
	return edit(inv, func(i *inventory.Inventory) {
		for n, name := range names {
			i.Hosts = append(i.Hosts, inventory.Host{Name: name, Address: netip.AddrFrom4([4]byte{10, 200, 2, byte(n + 1)}), Roles: []inventory.Role{inventory.RoleOutside}})
		}
		i.Settings = maps.Clone(inv.Settings)
		i.Settings[outside.Name] = outside.Settings{{Name: "legacy", Hosts: names, Via: "nodes"}}
	})
}

// Hosts outside get access of their own and the program, nothing of a Node's; what
// they were given leaves with them, on the host and in the cluster.
func TestHostsOutsideComeAndGo(t *testing.T) {
	inv := load(t, "dc1", 2)
	both := outsideOf(inv, "o1", "o2")
	f := boot(t, both, fleettest.Options{})
	before := files(t, f.Host("o1"))
	_, err := apply(t, f, both)
	require.NoError(t, err)
	given := files(t, f.Host("o1"))
	maps.DeleteFunc(given, func(path, _ string) bool { _, stood := before[path]; return stood })
	have := slices.Sorted(maps.Keys(given))
	for _, want := range []string{"etc/kubernetes/routes.json", "etc/kubernetes/pki/routes.crt", "etc/kubernetes/pki/host.pem", "etc/systemd/system/provision-routes.service", "etc/systemd/system/provision-renew.timer", "usr/local/bin/provision-routes"} {
		assert.True(t, slices.ContainsFunc(have, func(path string) bool { return strings.HasSuffix(path, want) }), "%s of %v", want, have)
	}
	for _, path := range have {
		for _, not := range []string{"kubelet", "containerd", "cni", "chrony", "haproxy", "journald", "ca.key"} {
			assert.NotContains(t, path, not)
		}
	}
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
	assert.Contains(t, f.API.Names("ClusterRoleBinding"), "provision:routes")
	o := f.Operator(both)
	nodes, err := o.PodNodes(t.Context())
	require.NoError(t, err)
	require.NoError(t, o.Close())
	require.Len(t, nodes, 3, "for routers, each Node with its range, no host outside")
	for _, n := range nodes {
		assert.True(t, both.Network.Pods.Contains(n.Pods.Addr()) && n.Address.IsValid(), n)
	}
	p, err := look(t, f, both)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "nothing is left to do")

	_, err = apply(t, f, outsideOf(inv, "o1"))
	require.NoError(t, err)
	_, err = apply(t, f, inv, func(o *provision.Options) { o.AllowRemovals = 1 })
	require.NoError(t, err)
	assert.NotContains(t, f.API.Names("ClusterRoleBinding"), "provision:routes")
	assert.NotContains(t, f.API.Names("ClusterRole"), "provision:routes")
	assert.Equal(t, before, files(t, f.Host("o1")))
}
