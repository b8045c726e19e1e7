package sysctl

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
)

func TestMissingKeysAndGreaterValues(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	assert.ErrorContains(t, kind{}.Apply(t.Context(), host.System, "net.x", Spec{Value: "1"}), "no such key")
	assert.NoError(t, kind{}.Apply(t.Context(), host.System, "net.x", Spec{Value: "1", Optional: true}))
	assert.Empty(t, kind{}.Diff("net.x", Spec{Value: "1", Optional: true}, State{Missing: true}))
	assert.Len(t, kind{}.Diff("net.x", Spec{Value: "1"}, State{Missing: true}), 1)

	require.NoError(t, host.Put("/proc/sys/vm/max", "200\n", 0o644))
	want := Spec{Value: "100", AtLeast: true}
	require.NoError(t, kind{}.Apply(t.Context(), host.System, "vm.max", want))
	content, err := host.Files.ReadFile("/proc/sys/vm/max")
	require.NoError(t, err)
	assert.Equal(t, "200\n", string(content))
	assert.NoFileExists(t, host.Root+confPath("vm.max"), "it would lower the value at the next boot")
	assert.Equal(t, "/proc/sys/net/ipv4/conf/eth0.1/rp_filter", live("net.ipv4.conf.eth0/1.rp_filter"))
	assert.Error(t, kind{}.Check("../x", Spec{Value: "1"}))
}
