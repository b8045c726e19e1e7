package archive_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/archive"
	"provision/provision/resource/resourcetest"
)

// packed makes a tar.zst of the entries.
func packed(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	packer, err := zstd.NewWriter(&out)
	require.NoError(t, err)
	writer := tar.NewWriter(packer)
	for _, entry := range entries {
		if entry.Typeflag == tar.TypeReg {
			entry.Size = int64(len(entry.Name))
		}
		require.NoError(t, writer.WriteHeader(&entry))
		if entry.Typeflag == tar.TypeReg {
			_, err := writer.Write([]byte(entry.Name))
			require.NoError(t, err)
		}
	}
	require.NoError(t, writer.Close())
	require.NoError(t, packer.Close())
	return out.Bytes()
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func TestConformance(t *testing.T) {
	content := packed(t,
		tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		tar.Header{Name: "bin/tool", Typeflag: tar.TypeReg, Mode: 0o755},
		tar.Header{Name: "deep/er/readme", Typeflag: tar.TypeReg, Mode: 0o644},
		tar.Header{Name: "tool", Typeflag: tar.TypeSymlink, Linkname: "bin/tool"})
	spec := archive.Spec{SHA256: digest(content)}
	blob := func(host *systemfake.Host) error {
		_, err := host.PutBlob(content)
		return err
	}
	resourcetest.Run(t,
		resourcetest.Case{Title: "new", Kind: archive.Of(), Name: "/opt/x/tools", Spec: spec, Setup: blob, Drifts: map[string]func(*systemfake.Host) error{
			"link swapped":   func(host *systemfake.Host) error { return host.Files.Symlink("other", "/opt/x/tools") },
			"link deleted":   func(host *systemfake.Host) error { return host.Files.Remove("/opt/x/tools") },
			"folder deleted": func(host *systemfake.Host) error { return host.Files.RemoveAll("/opt/x/tools." + spec.SHA256[:12]) },
		}},
		resourcetest.Case{Title: "over another link", Kind: archive.Of(), Name: "/opt/tools", Spec: spec, Setup: func(host *systemfake.Host) error {
			if err := host.Put("/opt/tools-1/readme", "1", 0o644); err != nil {
				return err
			}
			if err := host.Files.Symlink("tools-1", "/opt/tools"); err != nil {
				return err
			}
			return blob(host)
		}},
	)
}
