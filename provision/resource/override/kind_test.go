package override

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
)

func TestWhatIsNobodysBusiness(t *testing.T) {
	const mine = "/etc/systemd/system/a.service.d/10-mine.conf"
	for title, test := range map[string]struct {
		put   []string
		want  Spec
		found []string
	}{
		"nothing":                 {},
		"a package's drop-in":     {put: []string{"/usr/lib/systemd/system/a.service.d/10-vendor.conf"}},
		"what systemd ignores":    {put: []string{mine + aside, "/etc/systemd/system/a.service.d/README"}},
		"another unit's":          {put: []string{"/etc/systemd/system/b.service.d/10.conf"}},
		"our own unit file":       {put: []string{"/etc/systemd/system/a.service"}},
		"a drop-in of ours":       {put: []string{mine}, want: Spec{Ours: []string{mine}}},
		"somebody's, where it is": {put: []string{mine}, found: []string{mine}},
		"set with systemctl":      {put: []string{"/etc/systemd/system.control/a.service.d/50-CPUQuota.conf"}, found: []string{"/etc/systemd/system.control/a.service.d/50-CPUQuota.conf"}},
		"until the next boot":     {put: []string{"/run/systemd/system/a.service.d/x.conf"}, found: []string{"/run/systemd/system/a.service.d/x.conf"}},
		"a file over a package's": {put: []string{"/etc/systemd/system/a.service"}, want: Spec{Packaged: true}, found: []string{"/etc/systemd/system/a.service"}},
	} {
		t.Run(title, func(t *testing.T) {
			host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
			require.NoError(t, err)
			for _, path := range test.put {
				require.NoError(t, host.Put(path, "x", 0o644))
			}
			have, err := kind{}.Observe(t.Context(), host.System, "a.service", test.want)
			require.NoError(t, err)
			assert.Equal(t, test.found, have.Found)
			assert.Len(t, kind{}.Diff("a.service", test.want, have), len(test.found))
		})
	}
}

func TestAMaskIsNoOverride(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, host.Put("/etc/systemd/system/keep", "", 0o644))
	require.NoError(t, host.Files.Symlink("/dev/null", "/etc/systemd/system/a.service"))
	have, err := kind{}.Observe(t.Context(), host.System, "a.service", Spec{Packaged: true})
	require.NoError(t, err)
	assert.Empty(t, have.Found)
}

func TestNothingIsOverwritten(t *testing.T) {
	const mine = "/etc/systemd/system/a.service.d/10-mine.conf"
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, host.Put(mine, "first", 0o644))
	before, err := kind{}.Observe(t.Context(), host.System, "a.service", Spec{})
	require.NoError(t, err)
	require.NoError(t, kind{}.Apply(t.Context(), host.System, "a.service", Spec{}))
	require.NoError(t, host.Put(mine, "second", 0o644))
	require.NoError(t, kind{}.Restore(t.Context(), host.System, "a.service", before))
	content, err := host.Files.ReadFile(mine)
	require.NoError(t, err)
	assert.Equal(t, "second", string(content), "what came since stays")
}

func TestCheck(t *testing.T) {
	require.NoError(t, kind{}.Check("a.service", Spec{}))
	require.Error(t, kind{}.Check("a", Spec{}))
	require.Error(t, kind{}.Check("../a.service", Spec{}))
	require.Error(t, kind{}.Check("a.service", Spec{Ours: []string{"relative"}}))
}
