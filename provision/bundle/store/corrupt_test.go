package store_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/store"
	"provision/test/corrupt"
	"provision/test/faults"
)

func goodRecord() store.Record {
	r := bundle.Ref{Name: "etcd", Version: "3.7.3", Arch: "amd64"}
	return store.Record{FormatVersion: store.FormatVersion, Ref: r, Provenance: store.Provenance{Source: "build", Inputs: "x"},
		Artifacts: []bundle.Artifact{{Ref: r, File: "etcd", Format: bundle.Binary, SHA256: strings.Repeat("ab", 32), Size: 12}}}
}

func usable(t *testing.T, rec store.Record) {
	t.Helper()
	assert.NotEmpty(t, rec.Artifacts)
	for _, a := range rec.Artifacts {
		raw, err := hex.DecodeString(a.SHA256)
		assert.NoError(t, err)
		assert.Len(t, raw, 32)
		assert.Equal(t, rec.Ref, a.Ref)
		assert.GreaterOrEqual(t, a.Size, int64(0))
		assert.Equal(t, filepath.Base(a.File), a.File)
		assert.NotContains(t, rec.Ref.String(), "..")
	}
}

func TestDamagedRecordsAndIndexes(t *testing.T) {
	record, err := json.Marshal(goodRecord())
	require.NoError(t, err)
	index, err := json.Marshal(store.Index{FormatVersion: store.FormatVersion, Records: []store.Record{goodRecord()}})
	require.NoError(t, err)
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		rec, err := store.ParseRecord(in)
		if err == nil {
			usable(t, rec)
		}
		return err == nil
	}, record)
	tally = tally.Add(corrupt.Feed(t, 2, func(in []byte) bool {
		idx, err := store.ParseIndex(in)
		for _, rec := range idx.Records {
			if err == nil {
				usable(t, rec)
			}
		}
		return err == nil
	}, index))
	faults.Record(t, "corrupt-index", "records and indexes of artifacts name only digests, sizes and plain file names, or are refused", "a record and an export's index, damaged",
		"%d inputs: %d refused, %d name only what could be a blob (whose bytes must have its hash)", tally.Inputs, tally.Rejected, tally.Accepted)
}

// A blob whose bytes changed is never handed out, whatever the note of its last
// check says.
func TestDamagedBlobsAndNotes(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Options{Dir: dir})
	require.NoError(t, err)
	content := strings.Repeat("the bytes of etcd\n", 20)
	digest, _, err := s.Add(strings.NewReader(content), "")
	require.NoError(t, err)
	note := filepath.Join(dir, "verified", digest)
	good, err := os.ReadFile(note)
	require.NoError(t, err)
	blob := filepath.Join(dir, "blobs", digest)
	require.NoError(t, os.Chmod(blob, 0o644))
	notes := corrupt.FeedN(t, 3, 150, func(in []byte) bool {
		require.NoError(t, os.WriteFile(note, in, 0o644))
		_, err := s.Path(digest) // the bytes are good: it is hashed again
		assert.NoError(t, err)
		return err == nil
	}, good)
	blobs := corrupt.FeedN(t, 4, 1000, func(in []byte) bool {
		require.NoError(t, os.WriteFile(blob, in, 0o644))
		_, err := s.Path(digest)
		assert.Error(t, err, "a damaged blob was handed out")
		return err == nil
	}, []byte(content))
	faults.Record(t, "corrupt-blob", "a damaged artifact is never used; a damaged note of its check costs a hash", "bytes of a stored blob and of its note, damaged",
		"%d damaged blobs, %d refused; %d damaged notes, %d hashed again or still right", blobs.Inputs, blobs.Rejected, notes.Inputs, notes.Accepted)
}
