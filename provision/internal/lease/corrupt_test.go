package lease

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/test/corrupt"
	"provision/test/faults"
)

// A lease decides which process is ended: a damaged one must never name
// another process than its own name does, nor another one's.
func TestADamagedLeaseNamesNoOtherProcess(t *testing.T) {
	dir := t.TempDir()
	self := Process{ID: 4711, Start: 99}
	whole, err := Add(dir, 7, self, State{Heard: 3 * time.Hour, Held: true})
	require.NoError(t, err)
	raw, err := os.ReadFile(filepath.Join(dir, whole.ID))
	require.NoError(t, err)
	contents := corrupt.Feed(t, 41, func(input []byte) bool {
		require.NoError(t, os.WriteFile(filepath.Join(dir, whole.ID), input, 0o600))
		list, err := List(dir)
		require.NoError(t, err)
		for _, entry := range list {
			require.Equal(t, self, entry.Process)
			require.Equal(t, uint64(7), entry.Epoch)
		}
		return len(list) == 1
	}, raw)
	names := corrupt.Feed(t, 42, func(input []byte) bool {
		entry, ok := parse(string(input))
		if ok {
			require.Greater(t, entry.Process.ID, 1, "neither init nor a group of processes")
			require.Equal(t, string(input), entry.ID)
			require.Equal(t, entry.ID, filepath.Base(entry.ID), "no other folder")
		}
		return ok
	}, []byte(whole.ID))
	faults.Record(t, "corrupt-lease", "a damaged lease never names another process than its own, and no other folder",
		"contents and names of leases, damaged", "%d contents: %d read, each of the process that it is named after; %d names: %d refused",
		contents.Inputs, contents.Accepted, names.Inputs, names.Rejected)
}
