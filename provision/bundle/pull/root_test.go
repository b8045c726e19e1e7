package pull

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/catalogue"
	"provision/provision/bundle/debs"
	"provision/provision/bundle/images"
	"provision/provision/bundle/lock"
	"provision/provision/bundle/store"
)

// shelf is apt with packages in a folder.
type shelf struct {
	dir  string
	list []debs.Package
}

func (s *shelf) Origin() string { return "a shelf" }

func (s *shelf) Closure(context.Context, ...string) ([]debs.Package, error) { return s.list, nil }

func (s *shelf) Root(context.Context, ...string) ([]debs.Package, error) { return s.list, nil }

func (s *shelf) Download(_ context.Context, dir string, list []debs.Package) error {
	for _, p := range list {
		data, err := os.ReadFile(filepath.Join(s.dir, p.File))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, p.File), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// add builds a package of files, with a script that must not run.
func (s *shelf) add(t *testing.T, name string, files map[string]string) {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("no dpkg-deb here")
	}
	tree := t.TempDir()
	files["DEBIAN/control"] = fmt.Sprintf("Package: %s\nVersion: 1\nArchitecture: amd64\nMaintainer: T <t@example.org>\nDescription: t\n", name)
	files["DEBIAN/postinst"] = "#!/bin/sh\ntouch " + filepath.Join(s.dir, "ran") + "\n"
	for path, text := range files {
		at := filepath.Join(tree, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
		require.NoError(t, os.WriteFile(at, []byte(text), 0o755))
	}
	p := debs.Package{Name: name, Version: "1", File: name + "_1_amd64.deb"}
	out, err := exec.Command("dpkg-deb", "--root-owner-group", "--build", tree, filepath.Join(s.dir, p.File)).CombinedOutput()
	require.NoError(t, err, string(out))
	p.SHA256, p.Size, err = store.HashFile(filepath.Join(s.dir, p.File))
	require.NoError(t, err)
	s.list = append(s.list, p)
}

func TestImageOfPackagesJarsAndPrograms(t *testing.T) {
	s := &shelf{dir: t.TempDir()}
	s.add(t, "base-passwd", map[string]string{"usr/share/base-passwd/passwd.master": "root:*:0:0::/root:/bin/sh\n", "usr/share/base-passwd/group.master": "root:*:0:\n"})
	s.add(t, "jre", map[string]string{"usr/lib/jvm/bin/java": "java", "lib/x/libjvm.so": "so", "usr/share/doc/jre/copyright": "(c)", "usr/share/doc/jre/NEWS": "news", "usr/share/man/man1/java.1": "man"})
	ref := bundle.Ref{Name: "image-kafka", Version: "4", Arch: "amd64"}
	program := func(text string) func(string) ([]byte, error) {
		return func(string) ([]byte, error) { return []byte(text), nil }
	}
	opts := Options{Lock: &lock.Lock{}, Catalogue: catalogue.Catalogue{
		{Name: "provision-member", Format: bundle.Binary, Default: "abc", Own: &catalogue.OwnSource{Bytes: program("member")}},
		{Name: "image-kafka", Format: bundle.OCI, Default: "4", Image: &catalogue.ImageSource{
			Reference: "example.org/kafka:{version}", User: "1000:1000", Env: []string{"HOME=/tmp"},
			Root:       &catalogue.Root{Codename: "bookworm", DebSource: catalogue.DebSource{Packages: []string{"jre"}}, Links: map[string]string{"usr/bin/java": "../lib/jvm/bin/java"}},
			Programs:   []catalogue.Program{{Path: "usr/local/bin/member", Binary: "provision-member"}, {Path: "usr/local/bin/again", Binary: "provision-member"}},
			Entrypoint: []string{"/usr/bin/java"},
		}},
	}}
	build := func(dir string) (bundle.Artifact, *store.Store) {
		st, err := store.Open(store.Options{Dir: dir})
		require.NoError(t, err)
		p, err := newPuller(st, opts, nil)
		require.NoError(t, err)
		p.apts["apt-bookworm-amd64"] = s
		require.NoError(t, p.obtain(t.Context(), ref))
		list, err := st.Resolve(ref)
		require.NoError(t, err)
		require.Len(t, list, 1)
		return list[0], st
	}
	first, st := build(t.TempDir())
	assert.NoFileExists(t, filepath.Join(s.dir, "ran"), "scripts of packages do not run")
	path, err := st.Path(first.SHA256)
	require.NoError(t, err)
	list, err := images.Open(path, t.TempDir(), false)
	require.NoError(t, err)
	img := list[0].Root.(v1.Image)
	files := filesOf(t, img)
	for _, name := range []string{"usr/lib/jvm/bin/java", "usr/lib/x/libjvm.so", "usr/bin/java", "lib", "usr/share/doc/jre/copyright", "etc/passwd", "etc/group", "var/lib/dpkg/status.d/jre", "usr/local/bin/member", "usr/local/bin/again"} {
		assert.Contains(t, files, name)
	}
	for _, name := range []string{"usr/share/doc/jre/NEWS", "usr/share/man/man1/java.1", "DEBIAN/postinst"} {
		assert.NotContains(t, files, name)
	}
	cfg, err := img.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, []string{"/usr/bin/java"}, cfg.Config.Entrypoint)
	assert.Contains(t, cfg.Config.Env, "HOME=/tmp")

	defer syscall.Umask(syscall.Umask(0o077))
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("LC_ALL", "tr_TR.UTF-8")
	again, _ := build(filepath.Join(t.TempDir(), "another", "folder"))
	assert.Equal(t, first, again, "from another folder, with another umask, zone and language")

	opts.Catalogue[0].Own.Bytes = program("another member")
	opts.Catalogue[0].Default = "def"
	changed, _ := build(t.TempDir())
	assert.NotEqual(t, first.Manifest, changed.Manifest)
}

func filesOf(t *testing.T, img v1.Image) []string {
	t.Helper()
	r := mutate.Extract(img)
	defer r.Close()
	var names []string
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		require.NoError(t, err)
		names = append(names, strings.TrimSuffix(h.Name, "/"))
	}
}

// A program of ours goes into the store as it is, under a version that follows
// from its bytes.
func TestProgramsOfOurOwnAreArtifacts(t *testing.T) {
	row := catalogue.Own("provision-agent")
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	for _, arch := range []string{"amd64", "arm64"} {
		ref := bundle.Ref{Name: row.Name, Version: row.Default, Arch: arch}
		require.NoError(t, Pull(t.Context(), st, []bundle.Ref{ref}, Options{Lock: &lock.Lock{}, Catalogue: catalogue.Catalogue{row}, NoUpstream: true, NoBuild: true}, nil))
		list, err := st.Resolve(ref)
		require.NoError(t, err)
		want, err := row.Own.Bytes(arch)
		require.NoError(t, err)
		assert.Equal(t, int64(len(want)), list[0].Size)
		assert.Equal(t, bundle.Binary, list[0].Format)
		data, err := os.ReadFile(filepath.Join(st.Dir(), "blobs", list[0].SHA256))
		require.NoError(t, err)
		assert.Equal(t, want, data)
	}
	row = catalogue.Own("provision-nosuch")
	ref := bundle.Ref{Name: row.Name, Version: row.Default, Arch: "amd64"}
	assert.ErrorContains(t, Pull(t.Context(), st, []bundle.Ref{ref}, Options{Lock: &lock.Lock{}, Catalogue: catalogue.Catalogue{row}}, nil), "make build")
}
