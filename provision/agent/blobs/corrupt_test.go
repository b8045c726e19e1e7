package blobs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/names"
	"provision/test/corrupt"
	"provision/test/faults"
)

// Whatever arrives: a file that has a blob's name has its hash, and nothing is
// written elsewhere.
func TestDamagedBlobsAreNeverKept(t *testing.T) {
	base, err := os.MkdirTemp("/dev/shm", "blobs-") // synced writes cost nothing there
	if err != nil {
		base = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	dir := filepath.Join(base, "blobs")
	body := []byte("the bytes of a blob")
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	sample := append([]byte(`{"sha256":"`+digest+`","size":19,"offset":0}`+"\n"), body...)
	twice := append(bytes.Clone(sample), []byte(`{"sha256":"`+digestOfX+`","size":1,"offset":0}`+"\nx")...)
	kept := 0
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		err := Receive(t.Context(), dir, bytes.NewReader(in), io.Discard)
		entries, readErr := os.ReadDir(dir)
		require.NoError(t, readErr)
		for _, e := range entries {
			if names.SHA256(e.Name()) {
				raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
				require.NoError(t, err)
				sum := sha256.Sum256(raw)
				assert.Equal(t, e.Name(), hex.EncodeToString(sum[:]))
				kept++
			}
			require.NoError(t, os.Remove(filepath.Join(dir, e.Name())))
		}
		beside, readErr := os.ReadDir(base)
		require.NoError(t, readErr)
		assert.Len(t, beside, 1)
		return err == nil
	}, sample, twice)
	faults.Record(t, "corrupt-blob-stream", "a damaged blob is never kept under its name, and nothing is written elsewhere", "headers and bodies on the way to a host, damaged",
		"%d inputs: %d ended with an error, %d blobs were kept, each with the hash of its name", tally.Inputs, tally.Rejected, kept)
}
