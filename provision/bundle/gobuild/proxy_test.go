package gobuild_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// fileProxy writes a module proxy with modules of one main.go each.
func fileProxy(t *testing.T, modules map[module.Version]map[string]string) (env []string) {
	t.Helper()
	root := t.TempDir()
	for m, files := range modules {
		src := t.TempDir()
		for name, text := range files {
			path := filepath.Join(src, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
		at := filepath.Join(root, m.Path, "@v", m.Version)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
		require.NoError(t, os.WriteFile(at+".info", []byte(`{"Version":"`+m.Version+`"}`), 0o644))
		require.NoError(t, os.WriteFile(at+".mod", []byte(files["go.mod"]), 0o644))
		f, err := os.Create(at + ".zip")
		require.NoError(t, err)
		require.NoError(t, zip.CreateFromDir(f, m, src))
		require.NoError(t, f.Close())
	}
	return []string{
		"GOPROXY=file://" + root, "GOSUMDB=off", "GOMODCACHE=" + t.TempDir(),
		"GOFLAGS=-mod=mod -trimpath -modcacherw",
	}
}
