package unit

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
)

func TestAFailedStartTellsTheLog(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, host.Put("/etc/systemd/system/a.service", "x", 0o644))
	require.NoError(t, host.Systemd.Set("a.service", systemfake.Unit{Fail: "port 2379 is taken"}))
	err = kind{}.Apply(t.Context(), host.System, "a.service", Spec{Enabled: true, Active: true})
	require.ErrorContains(t, err, "port 2379 is taken")
	err = kind{}.Apply(t.Context(), host.System, "missing.service", Spec{Active: true})
	assert.ErrorContains(t, err, "knows no such unit")
}

func TestApplyNeverRestarts(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, host.Put("/etc/systemd/system/a.service", "x", 0o644))
	want := Spec{Enabled: true, Active: true}
	require.NoError(t, kind{}.Apply(t.Context(), host.System, "a.service", want))
	first, err := host.Units.Status(t.Context(), "a.service")
	require.NoError(t, err)
	require.NoError(t, host.Put("/etc/systemd/system/a.service", "y", 0o644))
	require.NoError(t, kind{}.Apply(t.Context(), host.System, "a.service", want))
	second, err := host.Units.Status(t.Context(), "a.service")
	require.NoError(t, err)
	assert.Equal(t, first.InvocationID, second.InvocationID)
	assert.False(t, second.NeedReload)
}

func TestDiff(t *testing.T) {
	up := Spec{Enabled: true, Active: true}
	cases := []struct {
		title string
		want  Spec
		have  State
		count int
	}{
		{"as wanted", up, State{Load: "loaded", Active: "active", Enabled: "enabled"}, 0},
		{"cannot be enabled", up, State{Load: "loaded", Active: "active", Enabled: "static"}, 0},
		{"static and not wanted at boot", Spec{Active: true}, State{Load: "loaded", Active: "active", Enabled: "static"}, 0},
		{"starting is not running", up, State{Load: "loaded", Active: "activating", Enabled: "enabled"}, 1},
		{"unless nobody waits", Spec{Enabled: true, Active: true, NoWait: true}, State{Load: "loaded", Active: "activating", Enabled: "enabled"}, 0},
		{"failed is stopped", Spec{}, State{Load: "loaded", Active: "failed", Enabled: "disabled"}, 0},
		{"not installed, not wanted", Spec{}, State{Load: "not-found", Active: "inactive"}, 0},
		{"not installed", up, State{Load: "not-found", Active: "inactive"}, 2},
		{"stale", up, State{Load: "loaded", Active: "active", Enabled: "enabled", NeedReload: true}, 1},
		{"masked", up, State{Load: "masked", Active: "inactive", Enabled: "masked"}, 2},
	}
	for _, c := range cases {
		changes := kind{}.Diff("a.service", c.want, c.have)
		assert.Len(t, changes, c.count, c.title)
	}
	assert.Error(t, kind{}.Check("etcd", up))
	assert.Error(t, kind{}.Check("a.service", Spec{Masked: true, Active: true}))
}
