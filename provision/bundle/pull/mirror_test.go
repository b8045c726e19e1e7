package pull_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/pull"
	"provision/provision/bundle/store"
)

// filled is a store with one built artifact, and its export.
func filled(t *testing.T) (st *store.Store, dir string) {
	t.Helper()
	st = open(t)
	digest, size, err := st.Add(strings.NewReader("program"), "")
	require.NoError(t, err)
	require.NoError(t, st.Put(store.Record{
		Ref:        tool,
		Artifacts:  []bundle.Artifact{{File: "tool", Format: bundle.Binary, SHA256: digest, Size: size}},
		Provenance: store.Provenance{Source: "build", Inputs: "inputs", Go: "go1.26"},
	}))
	dir = t.TempDir()
	require.NoError(t, st.Export(dir))
	return st, dir
}

func offline() pull.Options {
	return pull.Options{
		Lock: &lock.Lock{}, NoBuild: true, NoUpstream: true,
		Catalogue: catalogue.Catalogue{{Name: "tool", Format: bundle.Binary}},
	}
}

func TestExportServesAsBundleFolder(t *testing.T) {
	_, dir := filled(t)
	st, opts := open(t), offline()
	opts.Bundle = dir
	_, err := get(t, st, opts)
	require.NoError(t, err)
	assert.Equal(t, "program", content(t, st))
	rec, err := st.Record(tool)
	require.NoError(t, err)
	assert.Equal(t, "bundle", rec.Provenance.Source)
	assert.Equal(t, "go1.26", rec.Provenance.Go, "how it was made stays known")
}

func TestBundleWithOtherBytesIsRefused(t *testing.T) {
	from, dir := filled(t)
	list, err := from.Resolve(tool)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, store.BlobFolder, list[0].SHA256), []byte("pr0gram"), 0o644))
	st, opts := open(t), offline()
	opts.Bundle = dir
	_, err = get(t, st, opts)
	var corrupt *store.CorruptError
	require.ErrorAs(t, err, &corrupt)
	_, err = st.Resolve(tool)
	assert.Error(t, err)
}

func TestBundleThatContradictsTheLockIsRefused(t *testing.T) {
	_, dir := filled(t)
	st, opts := open(t), offline()
	opts.Bundle = dir
	opts.Lock.AddOutput("inputs", lock.Output{Artifact: tool.String(), SHA256: strings.Repeat("0", 64)})
	_, err := get(t, st, opts)
	var mismatch *lock.MismatchError
	require.ErrorAs(t, err, &mismatch)
	require.ErrorAs(t, pull.Import(t.Context(), st, dir, opts, nil), &mismatch)
}

func TestMirror(t *testing.T) {
	_, dir := filled(t)
	files := http.FileServer(http.Dir(dir))
	secure, plain := httptest.NewTLSServer(files), httptest.NewServer(files)
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	index, err := os.ReadFile(filepath.Join(dir, store.IndexFile))
	require.NoError(t, err)
	for name, c := range map[string]struct{ address, want string }{
		"https":                  {secure.URL + "/", ""},
		"http with the digest":   {plain.URL + "#" + sum(index), ""},
		"http with another":      {plain.URL + "#" + sum([]byte("x")), "its index has sha256"},
		"http alone":             {plain.URL, "nothing vouches for plain HTTP"},
		"another scheme":         {"ftp://mirror.example.org/", "give an https:// address"},
		"a mirror without index": {secure.URL + "/nowhere", "404"},
	} {
		t.Run(name, func(t *testing.T) {
			st, opts := open(t), offline()
			opts.Mirror, opts.HTTP = c.address, secure.Client()
			_, err := get(t, st, opts)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "program", content(t, st))
		})
	}
}

func TestImportTakesFoldersAndArchives(t *testing.T) {
	from, dir := filled(t)
	var buf bytes.Buffer
	require.NoError(t, from.ExportTar(&buf))
	archive := filepath.Join(t.TempDir(), "bundle.tar")
	require.NoError(t, os.WriteFile(archive, buf.Bytes(), 0o644))
	for _, path := range []string{dir, archive} {
		st := open(t)
		require.NoError(t, pull.Import(t.Context(), st, path, offline(), nil))
		assert.Equal(t, "program", content(t, st))
		require.NoError(t, pull.Import(t.Context(), st, path, offline(), nil), "again")
	}
}

func TestImportRefusesBrokenArchives(t *testing.T) {
	from, _ := filled(t)
	var buf bytes.Buffer
	require.NoError(t, from.ExportTar(&buf))
	good := buf.Bytes()
	for name, data := range map[string][]byte{
		"truncated":        good[:len(good)-1533],
		"other bytes":      bytes.Replace(good, []byte("program"), []byte("pr0gram"), 1),
		"not an archive":   []byte("hello"),
		"a missing blob":   append(append([]byte{}, good[:bytes.Index(good, []byte("blobs/"))]...), make([]byte, 1024)...),
		"unexpected entry": bytes.Replace(good, []byte("blobs/"), []byte("../../"), 1),
	} {
		t.Run(name, func(t *testing.T) {
			st := open(t)
			path := filepath.Join(t.TempDir(), "bundle.tar")
			require.NoError(t, os.WriteFile(path, data, 0o644))
			require.Error(t, pull.Import(t.Context(), st, path, offline(), nil))
			_, err := st.Resolve(tool)
			assert.Error(t, err)
		})
	}
}
