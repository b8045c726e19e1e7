package inventory_test

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/network/flannel"
	"provision/provision/diag"
	"provision/provision/inventory"
	"provision/provision/parts"
)

// load loads a file or folder with an empty environment, and wants no errors.
func load(t *testing.T, opts inventory.Options) *inventory.Inventory {
	t.Helper()
	opts.Parts = parts.All()
	if opts.Env == nil {
		opts.Env = func(string) (string, bool) { return "", false }
	}
	inv, list := inventory.Load(t.Context(), opts)
	require.Empty(t, printed(t, list))
	require.NotNil(t, inv)
	return inv
}

func printed(t *testing.T, list diag.List) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, diag.Write(&b, list, diag.Style{}))
	return b.String()
}

func sample(name string) inventory.Options {
	return inventory.Options{Parts: parts.All(), Paths: []string{filepath.Join("..", "..", "inventories", name)}}
}

func TestSampleSingleHasEveryRoleOnOneHost(t *testing.T) {
	inv := load(t, sample("single.hcl"))
	require.Len(t, inv.Hosts, 1)
	assert.Equal(t, []inventory.Role{inventory.RoleEtcd, inventory.RoleMaster, inventory.RoleNode}, inv.Hosts[0].Roles)
	assert.True(t, inv.SSH.Sudo, "ops is not root")
}

func TestSampleSmall(t *testing.T) {
	inv := load(t, sample("small.hcl"))
	assert.Len(t, inv.With(inventory.RoleMaster), 1)
	assert.Len(t, inv.With(inventory.RoleNode), 2)
	assert.Equal(t, "office", inv.Cluster.Site)
}

func TestSampleLab(t *testing.T) {
	inv := load(t, sample("lab.hcl"))
	require.Len(t, inv.Hosts, 5)
	m2, ok := inv.Host("m2")
	require.True(t, ok)
	assert.Equal(t, netip.MustParseAddr("10.88.0.12"), m2.Address)
	assert.False(t, inv.SSH.Sudo, "root needs no sudo")
	assert.Equal(t, "root", inv.SSH.User)
	assert.Equal(t, netip.MustParsePrefix("10.32.0.0/12"), inv.Network.Pods)
	assert.Equal(t, netip.MustParseAddr("10.96.0.10"), inv.Network.DNSAddress)
	require.NotNil(t, inv.Network.ProxyConntrackMin)
	assert.Zero(t, *inv.Network.ProxyConntrackMin)
	assert.Equal(t, map[string]any{
		"failCgroupV1": false,
		"featureGates": map[string]any{"KubeletInUserNamespace": true},
	}, inv.Kubernetes.Kubelet)
	assert.Equal(t, "cgroupfs", inv.Kubernetes.CgroupDriver)
	assert.Equal(t, "ignore", inv.OS.Swap)
	assert.False(t, inv.OS.ManageModules)
	assert.False(t, inv.Time.Manage)
	assert.Equal(t, "flannel", inv.Network.Plugin.Name)
	assert.Equal(t, "vxlan", inventory.Settings[flannel.Settings](inv, flannel.New().(inventory.Configured)).Backend)
}

func TestSampleDatacenter(t *testing.T) {
	inv := load(t, sample("datacenter.hcl"))
	assert.Len(t, inv.With(inventory.RoleNode), 40)
	assert.Len(t, inv.With(inventory.RoleMaster), 3)
	assert.Len(t, inv.With(inventory.RoleEtcd), 3)
	assert.Equal(t, "prod", inv.Cluster.Environment)
	assert.Equal(t, netip.MustParsePrefix("10.32.0.0/12"), inv.Network.Pods)
	assert.Equal(t, netip.MustParsePrefix("10.48.0.0/16"), inv.Network.Services)
	last, ok := inv.Host("node-40")
	require.True(t, ok)
	assert.Equal(t, netip.MustParseAddr("10.0.1.50"), last.Address)
	assert.Equal(t, []inventory.Taint{{Key: "dedicated", Value: "storage", Effect: "NoSchedule"}}, last.Taints)
	assert.Equal(t, "ops", inv.SSH.Bastions[0].User)
}
