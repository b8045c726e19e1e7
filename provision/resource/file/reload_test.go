package file

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
)

func TestReloadsOnlyWhatSystemdHasReadBefore(t *testing.T) {
	for name, test := range map[string]struct {
		path    string
		known   bool
		reloads int
	}{
		"new unit":     {"/etc/systemd/system/a.service", false, 0},
		"changed unit": {"/etc/systemd/system/a.service", true, 1},
		"drop-in":      {"/etc/systemd/system/a.service.d/10-x.conf", false, 1},
		"template":     {"/etc/systemd/system/a@.service", false, 1},
	} {
		reloads := 0
		host, err := systemfake.Open(t.TempDir(), systemfake.Options{Point: func(point string) {
			if point == "fake:reloading" {
				reloads++
			}
		}})
		require.NoError(t, err)
		require.NoError(t, host.Systemd.Set("other.service", systemfake.Unit{Active: "active"}))
		if test.known {
			require.NoError(t, host.Put(test.path, "old", 0o644))
			require.NoError(t, host.Systemd.Set("a.service", systemfake.Unit{Active: "active"}))
			require.NoError(t, host.Systemd.DaemonReload(t.Context()))
			reloads = 0
		}
		want := Spec{Content: "[Service]\n", Attr: system.Attr{Mode: 0o644}, DaemonReload: true}
		require.NoError(t, kind{}.Apply(t.Context(), host.System, test.path, want))
		assert.Equal(t, test.reloads, reloads, name)
	}
}
