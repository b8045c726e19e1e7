package pull_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle/pull"
	"provision/provision/bundle/store"
	"provision/test/corrupt"
	"provision/test/faults"
)

// imported imports into a new store. Whatever comes of it, the store is whole,
// and nothing is written beside it.
func imported(t *testing.T, path string) bool {
	t.Helper()
	around := t.TempDir()
	defer func() { require.NoError(t, os.RemoveAll(around)) }()
	st, err := store.Open(store.Options{Dir: filepath.Join(around, "store")})
	require.NoError(t, err)
	err = pull.Import(t.Context(), st, path, offline(), nil)
	beside, listed := os.ReadDir(around)
	require.NoError(t, listed)
	assert.Len(t, beside, 1, "only the store")
	blobs, listed := os.ReadDir(filepath.Join(st.Dir(), "blobs"))
	require.NoError(t, listed)
	for _, blob := range blobs {
		data, err := os.ReadFile(filepath.Join(st.Dir(), "blobs", blob.Name()))
		require.NoError(t, err)
		assert.Equal(t, sum(data), blob.Name())
	}
	records, listed := st.List()
	require.NoError(t, listed)
	for _, rec := range records {
		_, lacks := st.Resolve(rec.Ref)
		assert.NoError(t, lacks, "a record without its blobs")
	}
	if err == nil {
		problems, err := st.Verify(nil)
		require.NoError(t, err)
		assert.Empty(t, problems)
	}
	return err == nil
}

func TestDamagedArchivesAndFoldersOfArtifacts(t *testing.T) {
	from, dir := filled(t)
	var buf bytes.Buffer
	require.NoError(t, from.ExportTar(&buf))
	archive := filepath.Join(t.TempDir(), "bundle.tar")
	require.NoError(t, os.WriteFile(archive, buf.Bytes(), 0o600))
	require.True(t, imported(t, archive))
	tars := corrupt.FeedN(t, 1, corrupt.Many/20, func(in []byte) bool {
		require.NoError(t, os.WriteFile(archive, in, 0o600))
		return imported(t, archive)
	}, buf.Bytes())
	index := filepath.Join(dir, store.IndexFile)
	sample, err := os.ReadFile(index)
	require.NoError(t, err)
	require.True(t, imported(t, dir))
	folders := corrupt.FeedN(t, 2, corrupt.Many/40, func(in []byte) bool {
		require.NoError(t, os.WriteFile(index, in, 0o600))
		return imported(t, dir)
	}, sample)
	assert.Positive(t, tars.Rejected)
	faults.Record(t, "corrupt-bundle", "of a damaged export only blobs with the hash of their name are imported, and no record without its blobs; nothing is written outside the store",
		"an archive and a folder of artifacts, damaged", "%d archives: %d refused, %d imported; %d folders: %d refused, %d imported; every store whole",
		tars.Inputs, tars.Rejected, tars.Accepted, folders.Inputs, folders.Rejected, folders.Accepted)
}
