package pull_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/gobuild"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/pull"
	"provision/provision/bundle/store"
)

var built = bundle.Ref{Name: "tool", Version: "1.2.0", Arch: runtime.GOARCH}

// source publishes example.org/tool@v1.2.0 in a module proxy of files and
// returns options whose catalogue builds it, alone and as images.
func source(t *testing.T) pull.Options {
	t.Helper()
	m := module.Version{Path: "example.org/tool", Version: "v1.2.0"}
	src, root := t.TempDir(), t.TempDir()
	files := map[string]string{
		"go.mod": "module example.org/tool\ngo 1.24\n", "main.go": "package main\nfunc main() { println(\"hello\") }\n",
		"c/idle.c": "int main(void) { return 0; }\n",
	}
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(src, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(src, name), []byte(text), 0o644))
	}
	at := filepath.Join(root, m.Path, "@v", m.Version)
	require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
	require.NoError(t, os.WriteFile(at+".info", []byte(`{"Version":"v1.2.0"}`), 0o644))
	require.NoError(t, os.WriteFile(at+".mod", []byte(files["go.mod"]), 0o644))
	f, err := os.Create(at + ".zip")
	require.NoError(t, err)
	require.NoError(t, zip.CreateFromDir(f, m, src))
	require.NoError(t, f.Close())
	env := []string{"GOPROXY=file://" + root, "GOSUMDB=off", "GOMODCACHE=" + t.TempDir(), "GOFLAGS=-mod=mod -trimpath -modcacherw"}
	c := &catalogue.CSource{Module: m.Path, ModuleVersion: m.Version, File: "c/idle.c", Flags: []string{"-Os", "-static"}}
	return pull.Options{
		Builder: &gobuild.Builder{Env: env, AllowNoSumDB: true}, Lock: &lock.Lock{},
		Catalogue: catalogue.Catalogue{
			{Name: "tool", Format: bundle.Binary, Go: &catalogue.GoSource{Module: m.Path, Version: "v{version}", Package: m.Path}},
			{Name: "image-tool", Format: bundle.OCI, Image: &catalogue.ImageSource{Reference: "example.org/tool:v{version}", Programs: []catalogue.Program{{Path: "tool", Binary: "tool"}}}},
			{Name: "image-idle", Format: bundle.OCI, Image: &catalogue.ImageSource{Reference: "example.org/idle:{version}", Programs: []catalogue.Program{{Path: "idle", C: c}}}},
		},
	}
}

func TestBuildIsRecordedWithItsProvenance(t *testing.T) {
	st, opts := open(t), source(t)
	require.NoError(t, pull.Build(t.Context(), st, []bundle.Ref{built}, opts, nil))
	rec, err := st.Record(built)
	require.NoError(t, err)
	assert.Equal(t, "build", rec.Provenance.Source)
	assert.Equal(t, runtime.Version(), rec.Provenance.Go)
	require.Len(t, rec.Provenance.Modules, 1)
	path, err := st.Path(rec.Artifacts[0].SHA256)
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "tool")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, data, 0o755))
	out, err := exec.Command(program).CombinedOutput()
	require.NoError(t, err)
	assert.Equal(t, "hello\n", string(out))
}

func TestBuildThatYieldsAnotherDigestIsRefused(t *testing.T) {
	st, opts := open(t), source(t)
	require.NoError(t, pull.Build(t.Context(), st, []bundle.Ref{built}, opts, nil))
	rec, err := st.Record(built)
	require.NoError(t, err)
	for name, pins := range map[string]*lock.Lock{
		"output": {Outputs: map[string]lock.Output{rec.Provenance.Inputs: {SHA256: strings.Repeat("0", 64)}}},
		"module": {Modules: map[string]string{"example.org/tool@v1.2.0": "h1:other="}},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := open(t)
			opts.Lock = pins
			var mismatch *lock.MismatchError
			require.ErrorAs(t, pull.Build(t.Context(), fresh, []bundle.Ref{built}, opts, nil), &mismatch)
			_, err := fresh.Resolve(built)
			require.Error(t, err)
			blobs, err := os.ReadDir(filepath.Join(fresh.Dir(), "blobs"))
			require.NoError(t, err)
			assert.Empty(t, blobs)
		})
	}
}

func TestImagesAreReproducible(t *testing.T) {
	for _, name := range []string{"image-tool", "image-idle"} {
		t.Run(name, func(t *testing.T) {
			opts := source(t)
			ref := bundle.Ref{Name: name, Version: "1.2.0", Arch: runtime.GOARCH}
			a := image(t, ref, opts)
			assert.Equal(t, bundle.OCI, a.Format)
			assert.Regexp(t, `^example\.org/(tool:v|idle:)1\.2\.0$`, a.Image)
			assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, a.Manifest)
			assert.Equal(t, a, image(t, ref, opts), "from another store")
		})
	}
}

func image(t *testing.T, ref bundle.Ref, opts pull.Options) bundle.Artifact {
	t.Helper()
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, pull.Build(t.Context(), st, []bundle.Ref{ref}, opts, nil))
	list, err := st.Resolve(ref)
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0]
}
