package archive

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
	"provision/test/corrupt"
)

// A damaged archive, packed as any other, puts nothing outside of its folder and
// nothing setuid into it.
func TestDamagedArchivesStayInTheirFolder(t *testing.T) {
	base, err := os.MkdirTemp("/dev/shm", "archive-")
	if err != nil {
		base = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	host, err := systemfake.Open(base, systemfake.Options{})
	require.NoError(t, err)
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	var plain bytes.Buffer
	w := tar.NewWriter(&plain)
	for _, h := range []tar.Header{{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "bin/x", Typeflag: tar.TypeReg, Mode: 0o755, Size: 3}, {Name: "bin/y", Typeflag: tar.TypeSymlink, Linkname: "x"}} {
		require.NoError(t, w.WriteHeader(&h))
		_, err := w.Write(bytes.Repeat([]byte("a"), int(h.Size)))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	before := entries(t, base)
	i := 0
	parse := func(in []byte) bool {
		content := in
		if i++; i%2 == 0 { // damage inside the packing, too
			content = encoder.EncodeAll(in, nil)
		}
		err := extract(t.Context(), host.System, bytes.NewReader(content), "/opt/x")
		require.NoError(t, filepath.WalkDir(base+"/opt", func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // it was not made
			}
			info, err := d.Info()
			require.NoError(t, err)
			assert.Zero(t, info.Mode()&(os.ModeSetuid|os.ModeSetgid))
			if info.Mode()&os.ModeSymlink != 0 {
				target, err := os.Readlink(path)
				require.NoError(t, err)
				rel, err := filepath.Rel(base+"/opt/x", filepath.Join(filepath.Dir(path), target))
				require.NoError(t, err)
				assert.NotRegexp(t, `^(\.\./|/)`, rel)
			}
			return nil
		}))
		require.NoError(t, os.RemoveAll(base+"/opt"))
		return err == nil
	}
	corrupt.FeedN(t, 1, corrupt.Many/2, parse, plain.Bytes())
	corrupt.FeedN(t, 2, corrupt.Many/2, parse, encoder.EncodeAll(plain.Bytes(), nil))
	assert.Equal(t, before, entries(t, base))
}

func entries(t *testing.T, base string) []string {
	t.Helper()
	var list []string
	require.NoError(t, filepath.WalkDir(base, func(path string, _ os.DirEntry, err error) error {
		list = append(list, path)
		return err
	}))
	return list
}
