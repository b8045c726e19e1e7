package snapshot

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/test/corrupt"
	"provision/test/faults"
)

// Damage with a digest that fits ends in an error, or says what it says.
func TestDamagedSnapshotsAreErrors(t *testing.T) {
	whole, err := os.ReadFile(sample(t))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "x.db")
	result := corrupt.FeedN(t, 1, corrupt.Many/20, func(in []byte) bool {
		require.NoError(t, os.WriteFile(path, in, 0o600))
		sealed(t, path)
		_, err := Read(path, true)
		return err == nil
	}, whole[:len(whole)-sha256.Size])
	faults.Record(t, "corrupt-etcd-snapshot", "damaged snapshots of etcd, with a digest that fits the damage, are errors or say what they say; none ends the program", "snapshot files, damaged",
		"%d inputs, none ended the program", result.Inputs)
}
