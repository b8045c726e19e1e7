package provision_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/fleettest"
)

// unlockable makes the lock of a host's ledger something that cannot be opened.
func unlockable(t *testing.T, h *fleettest.Host) (fix func()) {
	t.Helper()
	path := filepath.Join(h.Root, "var/lib/provision/ledger/lock")
	require.NoError(t, os.RemoveAll(path))
	require.NoError(t, os.MkdirAll(path, 0o700))
	return func() { require.NoError(t, os.RemoveAll(path)) }
}

func TestAHostThatCannotBeLockedStopsNoOther(t *testing.T) {
	const drifted = "/etc/haproxy/haproxy.cfg"
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	for _, host := range []string{"n1", "m2"} {
		t.Run(host, func(t *testing.T) {
			fix := unlockable(t, f.Host(host))
			for _, name := range []string{"m1", "m3", host} {
				require.NoError(t, f.Host(name).Write(drifted, "by hand\n"))
			}
			outcome, err := apply(t, f, inv)
			require.ErrorContains(t, err, "host "+host+" was skipped: cannot lock it: ")
			assert.NotContains(t, err.Error(), "m1")
			assert.Empty(t, outcome.Result.Failed)
			assert.Equal(t, []string{"m1", "m3"}, haveNot(t, f, drifted, "by hand\n", "m1", "m3", host))
			fix()
			_, err = apply(t, f, inv)
			require.NoError(t, err)
			assert.NotEmpty(t, haveNot(t, f, drifted, "by hand\n", host))
		})
	}
}

// haveNot are the hosts whose file is another.
func haveNot(t *testing.T, f *fleettest.Fleet, path, content string, hosts ...string) []string {
	t.Helper()
	var list []string
	for _, name := range hosts {
		have, err := os.ReadFile(filepath.Join(f.Host(name).Root, path))
		require.NoError(t, err)
		if string(have) != content {
			list = append(list, name)
		}
	}
	return list
}

func TestHostsThatCannotBeLockedAreSilentOnes(t *testing.T) {
	t.Run("most masters", func(t *testing.T) {
		inv := masters(t, "3")
		f := boot(t, inv, fleettest.Options{})
		_, err := apply(t, f, inv)
		require.NoError(t, err)
		require.NoError(t, f.Host("n1").Write("/etc/haproxy/haproxy.cfg", "by hand\n"))
		unlockable(t, f.Host("m1"))
		unlockable(t, f.Host("m2"))
		_, err = apply(t, f, inv)
		require.ErrorContains(t, err, "2 of its 3 masters and etcd hosts are skipped (m1, m2)")
	})
	t.Run("a cluster that is not there yet", func(t *testing.T) {
		inv := masters(t, "3")
		f := boot(t, inv, fleettest.Options{})
		unlockable(t, f.Host("m2"))
		_, err := apply(t, f, inv)
		require.Error(t, err)
		assert.Contains(t, err.Error(), "m2")
		assert.NoFileExists(t, filepath.Join(f.Host("m1").Root, "etc/haproxy/haproxy.cfg"), "nothing was changed")
	})
}
