package local_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup/target"
	"provision/provision/etcd/backup/target/local"
	"provision/provision/etcd/backup/target/targettest"
)

func TestConformance(t *testing.T) {
	targettest.Run(t, func(t *testing.T) target.Target {
		f, err := local.Open("local/m1", filepath.Join(t.TempDir(), "deep", "folder"))
		require.NoError(t, err)
		return f
	}, 1<<20)
}

// Whoever may write into the folder does not lead us out of it.
func TestLinksLeadNowhere(t *testing.T) {
	outside, folder := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "passwd"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(folder, "u")))
	f, err := local.Open("local/m1", folder)
	require.NoError(t, err)
	assert.Error(t, f.Put(t.Context(), "u/one", bytes.NewReader(nil), 0))
	_, err = f.Get(t.Context(), "u/passwd")
	assert.Error(t, err)
	assert.Error(t, f.Delete(t.Context(), "u/passwd"))
	list, err := f.List(t.Context(), "")
	require.NoError(t, err)
	assert.Empty(t, list)
	assert.FileExists(t, filepath.Join(outside, "passwd"))
}

func TestWhatKilledWritersLeftGoes(t *testing.T) {
	folder := t.TempDir()
	f, err := local.Open("local/m1", folder)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "u"), 0o700))
	old, young := filepath.Join(folder, "u", ".a.part"), filepath.Join(folder, "u", ".b.part")
	for _, name := range []string{old, young} {
		require.NoError(t, os.WriteFile(name, []byte("x"), 0o600))
	}
	require.NoError(t, os.Chtimes(old, time.Time{}, time.Now().Add(-48*time.Hour)))
	require.NoError(t, f.Put(t.Context(), "u/c", bytes.NewReader([]byte("c")), 1))
	assert.NoFileExists(t, old)
	assert.FileExists(t, young)
	info, err := os.Stat(filepath.Join(folder, "u", "c"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestAFileSystemIsNotFilled(t *testing.T) {
	f, err := local.Open("local/m1", t.TempDir())
	require.NoError(t, err)
	err = f.Put(t.Context(), "u/huge", bytes.NewReader(nil), 1<<60)
	assert.ErrorContains(t, err, "are needed")
	_, err = local.Open("local/m1", "relative")
	assert.ErrorContains(t, err, "not absolute")
}
