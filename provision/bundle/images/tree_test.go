package images_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle/images"
)

// files makes a tar archive as a package holds one.
func files(t *testing.T, headers ...tar.Header) io.Reader {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, h := range headers {
		text := ""
		if h.Typeflag == tar.TypeReg {
			text = "content of " + h.Name
			h.Size = int64(len(text))
		}
		h.ModTime, h.Uname = time.Now(), "somebody"
		require.NoError(t, tw.WriteHeader(&h))
		_, err := tw.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, tw.Close())
	return &buf
}

func reg(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Uid: 7}
}

func list(t *testing.T, l *images.Layer) (names []string, headers map[string]*tar.Header) {
	t.Helper()
	r, err := l.Uncompressed()
	require.NoError(t, err)
	defer r.Close()
	tr := tar.NewReader(r)
	headers = map[string]*tar.Header{}
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return names, headers
		}
		require.NoError(t, err)
		names = append(names, h.Name)
		headers[h.Name] = h
	}
}

func TestTreeMergesPackages(t *testing.T) {
	tree, err := images.NewTree(t.TempDir())
	require.NoError(t, err)
	defer tree.Close()
	tree.MergeUsr()
	long := "usr/share/" + strings.Repeat("long/", 60) + "name"
	require.NoError(t, tree.AddTar(files(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755}, tar.Header{Typeflag: tar.TypeDir, Name: "./lib/", Mode: 0o755},
		reg("./lib/x86/libc.so.6"), reg("./usr/share/man/man1/x.1"), reg(long),
		tar.Header{Typeflag: tar.TypeDir, Name: "./var/x/", Mode: 0o2750, Gid: 42},
		tar.Header{Typeflag: tar.TypeLink, Name: "./a-second-name", Linkname: "./lib/x86/libc.so.6"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "./lib64/ld.so", Linkname: "/lib/x86/ld.so"},
	), func(name string) bool { return !strings.HasPrefix(name, "usr/share/man/") }))
	require.NoError(t, tree.AddTar(files(t, tar.Header{Typeflag: tar.TypeDir, Name: "./var/x/", Mode: 0o700}, reg("var/x/y")), nil))
	layer, err := tree.Layer(t.TempDir())
	require.NoError(t, err)
	names, headers := list(t, layer)
	assert.IsIncreasing(t, names)
	assert.Equal(t, "usr/lib", headers["lib"].Linkname)
	assert.NotContains(t, headers, "usr/share/man/man1/x.1")
	assert.Equal(t, headers["usr/lib/x86/libc.so.6"].Size, headers["a-second-name"].Size, "a copy: its target may come later")
	assert.Equal(t, "/lib/x86/ld.so", headers["usr/lib64/ld.so"].Linkname)
	assert.Equal(t, int64(0o2750), headers["var/x/"].Mode, "the first package's")
	assert.Equal(t, 42, headers["var/x/"].Gid)
	assert.Contains(t, headers, long)
	for name, h := range headers {
		assert.Equal(t, int64(0), h.ModTime.Unix(), name)
		assert.Empty(t, h.Uname, name)
	}
}

func TestTreeRefuses(t *testing.T) {
	for want, entry := range map[string]tar.Header{
		"two packages have it":      reg("etc/x"),
		"cannot hold entries":       {Typeflag: tar.TypeChar, Name: "dev/null"},
		"is not in the archive":     {Typeflag: tar.TypeLink, Name: "y", Linkname: "nowhere"},
		"packing etc/x: two packag": {Typeflag: tar.TypeSymlink, Name: "../../etc/x", Linkname: "/"},
	} {
		tree, err := images.NewTree(t.TempDir())
		require.NoError(t, err)
		require.NoError(t, tree.AddTar(files(t, reg("etc/x")), nil))
		assert.ErrorContains(t, tree.AddTar(files(t, entry), nil), want)
		require.NoError(t, tree.Close())
	}
}

// The same files yield the same layer, whatever the order, the folder, the
// umask, the time zone and the language.
func TestLayersAreReproducible(t *testing.T) {
	build := func(entries ...tar.Header) string {
		tree, err := images.NewTree(t.TempDir())
		require.NoError(t, err)
		defer tree.Close()
		for _, e := range entries {
			require.NoError(t, tree.AddTar(files(t, e), nil))
		}
		layer, err := tree.Layer(t.TempDir())
		require.NoError(t, err)
		digest, err := layer.Digest()
		require.NoError(t, err)
		return digest.String()
	}
	first := build(reg("a/b"), reg("a.c"), reg("z"))
	defer syscall.Umask(syscall.Umask(0o077))
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	require.NoError(t, os.Unsetenv("LANG"))
	assert.Equal(t, first, build(reg("z"), reg("a.c"), reg("a/b")))
}
