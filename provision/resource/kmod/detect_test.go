package kmod

import (
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
)

func TestDetect(t *testing.T) {
	var config bytes.Buffer
	packer := gzip.NewWriter(&config)
	_, err := packer.Write([]byte("# kernel\nCONFIG_VXLAN=y\nCONFIG_IP_VS=m\n"))
	require.NoError(t, err)
	require.NoError(t, packer.Close())
	cases := []struct{ module, path, content, title string }{
		{"vxlan", "/sys/module/vxlan/parameters/x", "", "with parameters"},
		{"vxlan", "/proc/config.gz", config.String(), "in the configuration"},
		{"overlay", "/proc/filesystems", "nodev\tsysfs\nnodev\toverlay\n", "a file system"},
		{"br_netfilter", "/proc/sys/net/bridge/bridge-nf-call-iptables", "1", "its parameters"},
		{"nf-conntrack", "/sys/module/nf_conntrack/uevent", "", "dash and underscore"},
	}
	for _, c := range cases {
		t.Run(c.title, func(t *testing.T) {
			host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
			require.NoError(t, err)
			assert.Equal(t, Absent, detect(host.Files, c.module))
			require.NoError(t, host.Put(c.path, c.content, 0o444))
			assert.Equal(t, Builtin, detect(host.Files, c.module))
			assert.Equal(t, Absent, detect(host.Files, "ip_vs"))
		})
	}
}

func TestListedAsBuiltin(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, host.Put("/proc/sys/kernel/osrelease", "6.1.0\n", 0o444))
	require.NoError(t, host.Put("/lib/modules/6.1.0/modules.builtin", "kernel/net/bridge/br_netfilter.ko\n", 0o644))
	assert.Equal(t, Builtin, detect(host.Files, "br_netfilter"))
	assert.Equal(t, Absent, detect(host.Files, "br"))
}

func TestMissingModules(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	err = kind{}.Apply(t.Context(), host.System, "ip_vs", Spec{})
	assert.ErrorContains(t, err, "cannot load kernel module ip_vs")
	assert.Error(t, kind{}.Apply(t.Context(), host.System, "ip_vs", Spec{CheckOnly: true}))
	assert.NoError(t, kind{}.Apply(t.Context(), host.System, "ip_vs", Spec{Optional: true}))
	assert.Empty(t, kind{}.Diff("ip_vs", Spec{Optional: true}, State{Presence: Absent}))
}
