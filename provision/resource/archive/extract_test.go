package archive_test

import (
	"archive/tar"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
	"provision/provision/resource/archive"
)

func TestDangerousEntriesAreRefused(t *testing.T) {
	entries := map[string]tar.Header{
		"parent":        {Name: "../x", Typeflag: tar.TypeReg, Mode: 0o644},
		"absolute":      {Name: "/etc/x", Typeflag: tar.TypeReg, Mode: 0o644},
		"setuid":        {Name: "x", Typeflag: tar.TypeReg, Mode: 0o4755},
		"device":        {Name: "x", Typeflag: tar.TypeBlock, Mode: 0o644},
		"hard link":     {Name: "x", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		"link out":      {Name: "a/x", Typeflag: tar.TypeSymlink, Linkname: "../../x"},
		"absolute link": {Name: "x", Typeflag: tar.TypeSymlink, Linkname: "/etc"},
	}
	for name, entry := range entries {
		t.Run(name, func(t *testing.T) {
			host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
			require.NoError(t, err)
			blob, err := host.PutBlob(packed(t, entry))
			require.NoError(t, err)
			spec, err := json.Marshal(archive.Spec{SHA256: blob})
			require.NoError(t, err)
			err = archive.Of().Apply(t.Context(), host.System, "/opt/tools", spec)
			require.ErrorContains(t, err, "refusing entry")
			assert.NoFileExists(t, host.Root+"/opt/tools")
			assert.NoFileExists(t, host.Root+"/opt/x")
		})
	}
}

func TestOldVersionsGo(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	for _, name := range []string{"one", "two", "three"} {
		blob, err := host.PutBlob(packed(t, tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}))
		require.NoError(t, err)
		spec, err := json.Marshal(archive.Spec{SHA256: blob})
		require.NoError(t, err)
		require.NoError(t, archive.Of().Apply(t.Context(), host.System, "/opt/tools", spec))
		assert.FileExists(t, host.Root+"/opt/tools/"+name)
	}
	entries, err := host.Files.ReadDir("/opt")
	require.NoError(t, err)
	assert.Len(t, entries, 3, "the link, the present and the previous version")
}
