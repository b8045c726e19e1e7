package components_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/components"
	"provision/provision/component/componenttest"
)

// Where services tell figures: whoever collects them reads no component's code.
func TestMetricsAreNamedAndListenedOn(t *testing.T) {
	c := componenttest.Lab()
	c.Components = components.All()
	var out strings.Builder
	for _, host := range c.Inventory.Hosts {
		fmt.Fprintf(&out, "===== %s\n", host.Name)
		ports := component.Ports(c, c.Components, host)
		for _, m := range component.MetricsOf(c, host) {
			fmt.Fprintf(&out, "%s %s://%d%s loopback=%v access=%v\n", m.Unit, m.Scheme, m.Port, m.Path, m.Loopback, m.Access)
			assert.True(t, slices.ContainsFunc(ports, func(p component.Port) bool {
				return p.Number == m.Port && p.Unit == m.Unit && p.Loopback == m.Loopback && !p.UDP
			}), "%s does not listen on %d", m.Unit, m.Port)
		}
	}
	const path = "testdata/metrics.golden"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), out.String(), "run with -update and read the difference")
}

// What preflight and the doctor look at is what components fill.
func TestChecksNameWhatComponentsFill(t *testing.T) {
	c := componenttest.With(componenttest.Lab(), componenttest.Host("e4", "10.40.0.14", "etcd"))
	c.Components = components.All()
	c.Inventory.Etcd.DataDir = "/data/etcd"
	for host, want := range map[string][]string{
		"m1": {"/var/lib/containerd", "/data/etcd", "/var/lib/kubelet"}, "n1": {"/var/lib/containerd", "/var/lib/kubelet"}, "e4": {"/data/etcd"},
	} {
		h, _ := c.Inventory.Host(host)
		checks := component.ChecksOf(c, h)
		var got []string
		for _, f := range checks.Folders {
			got = append(got, f.Path)
			assert.Equal(t, f.Path == "/data/etcd", f.Writes != nil && f.Holds != "", f.Path)
		}
		assert.Equal(t, want, got, host)
		assert.Equal(t, h.Joins(), len(checks.Modules) > 0, host)
	}
}
