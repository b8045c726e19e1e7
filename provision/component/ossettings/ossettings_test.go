package ossettings_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/ossettings"
	"provision/provision/inventory"
	"provision/provision/resource/file"
	"provision/provision/resource/hosts"
	"provision/provision/resource/kmod"
	"provision/provision/resource/sysctl"
	"provision/provision/resource/unit"
)

func specs[T any](t *testing.T, c *component.Cluster, host, kind string) map[string]T {
	t.Helper()
	h, ok := c.Inventory.Host(host)
	require.True(t, ok)
	list, err := ossettings.New().Desired(c, h)
	require.NoError(t, err)
	found := map[string]T{}
	for _, r := range list {
		if r.Address.Kind == kind {
			var spec T
			require.NoError(t, json.Unmarshal(r.Spec, &spec))
			found[r.Address.Name] = spec
		}
	}
	return found
}

func TestSharedKernelIsOnlyChecked(t *testing.T) {
	c := componenttest.Lab()
	c.Inventory.OS.ManageModules, c.Inventory.OS.ManageSysctls = false, false
	for name, spec := range specs[kmod.Spec](t, c, "n1", kmod.Kind) {
		assert.True(t, spec.CheckOnly, name)
	}
	set := specs[sysctl.Spec](t, c, "n1", sysctl.Kind)
	assert.Contains(t, set, "net.ipv4.ip_forward", "each network namespace has its own")
	for _, global := range []string{"vm.overcommit_memory", "kernel.panic", "fs.inotify.max_user_watches"} {
		assert.NotContains(t, set, global)
	}
	assert.NotContains(t, specs[json.RawMessage](t, c, "n1", "package"), "kmod")
}

func TestInventoryAddsAndOverrides(t *testing.T) {
	c := componenttest.Lab()
	c.Inventory.OS.Modules = []string{"rbd", "overlay"}
	c.Inventory.OS.Sysctls = map[string]string{"vm.max_map_count": "1048576", "net.ipv4.tcp_mtu_probing": "1"}
	modules := specs[kmod.Spec](t, c, "n1", kmod.Kind)
	assert.Contains(t, modules, "rbd")
	assert.False(t, modules["rbd"].CheckOnly)
	set := specs[sysctl.Spec](t, c, "n1", sysctl.Kind)
	assert.Equal(t, sysctl.Spec{Value: "1048576"}, set["vm.max_map_count"], "just as it was asked for")
	assert.Equal(t, sysctl.Spec{Value: "1"}, set["net.ipv4.tcp_mtu_probing"])
	assert.True(t, set["fs.file-max"].AtLeast, "a host's own greater limit stays")
}

func TestSwapIsLeftAloneWhenAsked(t *testing.T) {
	c := componenttest.Lab()
	assert.Contains(t, specs[json.RawMessage](t, c, "n1", "swap"), "all")
	c.Inventory.OS.Swap = "ignore"
	assert.Empty(t, specs[json.RawMessage](t, c, "n1", "swap"))
}

func TestHostsFileDoesNotGrow(t *testing.T) {
	c := componenttest.Lab()
	c.Inventory.Cluster.APIAddress = "api.example.org"
	assert.Equal(t, []string{"10.40.0.11 m1", "10.40.0.11 api.example.org"}, specs[hosts.Spec](t, c, "m1", hosts.Kind)["hosts"].Lines)
	assert.Equal(t, []string{"10.40.0.21 n1"}, specs[hosts.Spec](t, c, "n1", hosts.Kind)["hosts"].Lines)
	c.Inventory.Cluster.APIAddress = "10.40.0.100"
	assert.Equal(t, []string{"10.40.0.11 m1"}, specs[hosts.Spec](t, c, "m1", hosts.Kind)["hosts"].Lines)
}

func TestTheLogOutlivesAReboot(t *testing.T) {
	c := componenttest.Lab()
	const config, storage = "/etc/systemd/journald.conf.d/90-provision.conf", "provision-journal.service"
	assert.Equal(t, "[Journal]\nStorage=persistent\nSystemMaxUse=1G\nSystemKeepFree=1G\n", specs[file.Spec](t, c, "n1", file.Kind)[config].Content)
	assert.Contains(t, specs[json.RawMessage](t, c, "n1", unit.Kind), storage)

	c.Inventory.OS.Journal = inventory.Journal{MaxUse: "500M", KeepFree: "4G"}
	assert.Contains(t, specs[file.Spec](t, c, "n1", file.Kind)[config].Content, "SystemMaxUse=500M\nSystemKeepFree=4G\n")

	c.Inventory.OS.Journal.Volatile = true
	assert.Equal(t, "[Journal]\nStorage=volatile\nRuntimeMaxUse=500M\nRuntimeKeepFree=4G\n", specs[file.Spec](t, c, "n1", file.Kind)[config].Content)
	assert.NotContains(t, specs[json.RawMessage](t, c, "n1", unit.Kind), storage)
	assert.Contains(t, specs[json.RawMessage](t, c, "n1", unit.Kind), "systemd-journald.service")
}

func TestProxyModeDecidesModules(t *testing.T) {
	for mode, module := range map[string]string{"nftables": "nf_tables", "iptables": "ip_tables", "ipvs": "ip_vs"} {
		c := componenttest.Lab()
		c.Inventory.Network.ProxyMode = mode
		assert.Contains(t, specs[kmod.Spec](t, c, "n1", kmod.Kind), module)
	}
}

func TestEtcdAloneNeedsNoContainers(t *testing.T) {
	c := componenttest.With(componenttest.Lab(), componenttest.Host("e1", "10.40.0.31", inventory.RoleEtcd),
		componenttest.Host("out", "10.40.0.41", "outside"))
	assert.Empty(t, specs[kmod.Spec](t, c, "e1", kmod.Kind))
	outside, _ := c.Inventory.Host("out")
	assert.False(t, ossettings.New().Runs(c, outside), "hosts outside are not ours to set up")
}
