package system

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func rooted(t *testing.T) (*System, string) {
	t.Helper()
	root := t.TempDir()
	sys, err := Real(root, Options{})
	require.NoError(t, err)
	return sys, root
}

func TestPathsStayInTheRoot(t *testing.T) {
	sys, root := rooted(t)
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.WriteFile(outside, []byte("outside"), 0o644))
	require.NoError(t, os.Symlink(outside, root+"/absolute"))
	require.NoError(t, os.Symlink("../../../../../../../../"+outside, root+"/relative"))
	require.NoError(t, os.Symlink(filepath.Dir(outside), root+"/folder"))
	for _, name := range []string{"/absolute", "/relative", "/folder/outside", "/../../../.." + outside} {
		_, err := sys.Files.ReadFile(name)
		assert.ErrorIs(t, err, fs.ErrNotExist, name)
	}
	assert.Error(t, sys.Files.WriteFile("/folder/outside", strings.NewReader("x"), Attr{Mode: 0o644}))
	require.NoError(t, sys.Files.WriteFile("/absolute", strings.NewReader("replaced"), Attr{Mode: 0o644}))
	content, err := os.ReadFile(outside)
	require.NoError(t, err)
	assert.Equal(t, "outside", string(content), "a link is replaced, not followed")
	_, err = sys.Files.Lstat("relative")
	assert.Error(t, err, "only absolute paths")
}

func TestWriteFileSetsAttributesAndCleansUp(t *testing.T) {
	sys, root := rooted(t)
	require.NoError(t, os.WriteFile(root+"/.a.provision-new", []byte("of a killed run"), 0o644))
	want := Attr{UID: 12, GID: 34, Mode: 0o2750}
	require.NoError(t, sys.Files.WriteFile("/a", strings.NewReader("content"), want))
	info, err := sys.Files.Lstat("/a")
	require.NoError(t, err)
	assert.Equal(t, want, info.Attr)
	entries, err := sys.Files.ReadDir("/")
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, "a", entries[0].Name())

	err = sys.Files.WriteFile("/a", &failing{}, want)
	require.ErrorContains(t, err, "torn")
	content, err := sys.Files.ReadFile("/a")
	require.NoError(t, err)
	assert.Equal(t, "content", string(content), "a failed write changes nothing")
	assert.NoFileExists(t, root+"/.a.provision-new")
}

type failing struct{ done bool }

func (f *failing) Read(p []byte) (int, error) {
	if f.done {
		return 0, errors.New("torn")
	}
	f.done = true
	return copy(p, "half"), nil
}

func TestDigestFollowsContent(t *testing.T) {
	sys, root := rooted(t)
	require.NoError(t, os.WriteFile(root+"/f", []byte("one"), 0o644))
	one, err := sys.Files.Digest("/f")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(root+"/f", []byte("two"), 0o644)) // same size, same tick
	two, err := sys.Files.Digest("/f")
	require.NoError(t, err)
	assert.NotEqual(t, one, two)
	_, err = sys.Files.Digest("/")
	assert.ErrorContains(t, err, "not a regular file")
}

func TestDigestsAreSavedOnlyWhenAsked(t *testing.T) {
	root := t.TempDir()
	later := func() time.Time { return time.Now().Add(time.Minute) }
	sys, err := Real(root, Options{Now: later})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(root+"/f", []byte("content"), 0o644))
	want, err := sys.Files.Digest("/f")
	require.NoError(t, err)
	assert.NoDirExists(t, root+StateDir, "observing writes nothing")
	require.NoError(t, sys.Save())

	again, err := Real(root, Options{Now: later})
	require.NoError(t, err)
	files := again.Files.(*realFiles)
	file, err := files.openRead("/f")
	require.NoError(t, err)
	defer file.Close()
	files.cache.load(files)
	digest, known := files.cache.known(file)
	assert.True(t, known)
	assert.Equal(t, want, digest)

	require.NoError(t, os.WriteFile(root+DigestCache, []byte("{damaged"), 0o600))
	third, err := Real(root, Options{})
	require.NoError(t, err)
	digest, err = third.Files.Digest("/f")
	require.NoError(t, err)
	assert.Equal(t, want, digest)
}

func TestBlobsAreVerified(t *testing.T) {
	sys, root := rooted(t)
	good := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of "abc"
	require.NoError(t, os.MkdirAll(root+BlobDir, 0o700))
	_, err := sys.Blobs.Path(good)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, os.WriteFile(root+BlobDir+"/"+good, []byte("abd"), 0o600))
	_, err = sys.Blobs.Path(good)
	assert.ErrorContains(t, err, "damaged")
	require.NoError(t, os.WriteFile(root+BlobDir+"/"+good, []byte("abc"), 0o600))
	path, err := sys.Blobs.Path(good)
	require.NoError(t, err)
	for range 2 { // the second link is to the file that is there already
		require.NoError(t, sys.Files.Link(path, "/bin", Attr{Mode: 0o755}))
	}
	one, err := os.Stat(root + path)
	require.NoError(t, err)
	two, err := os.Stat(root + "/bin")
	require.NoError(t, err)
	assert.True(t, os.SameFile(one, two))
	assert.NoFileExists(t, root+"/.bin.provision-new")
	_, err = sys.Blobs.Path("../../etc/passwd")
	assert.ErrorContains(t, err, "not a sha256")
}

func TestSavedOriginals(t *testing.T) {
	sys, root := rooted(t)
	name, err := sys.Saved.Put(strings.NewReader("original"))
	require.NoError(t, err)
	again, err := sys.Saved.Put(strings.NewReader("original"))
	require.NoError(t, err)
	assert.Equal(t, name, again)
	content, err := sys.Saved.Open(name)
	require.NoError(t, err)
	defer content.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(content)
	require.NoError(t, err)
	assert.Equal(t, "original", out.String())
	info, err := os.Stat(root + SavedDir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestRemoveAllFollowsNoLinks(t *testing.T) {
	sys, root := rooted(t)
	require.NoError(t, os.MkdirAll(root+"/tree/deep", 0o755))
	require.NoError(t, os.WriteFile(root+"/kept", nil, 0o644))
	require.NoError(t, os.Symlink(root, root+"/tree/deep/link"))
	require.NoError(t, sys.Files.RemoveAll("/tree"))
	assert.NoDirExists(t, root+"/tree")
	assert.FileExists(t, root+"/kept")
	require.NoError(t, sys.Files.RemoveAll("/tree"), "missing is no error")
	assert.Error(t, sys.Files.RemoveAll("/"))
	require.NoError(t, os.MkdirAll(root+"/full/x", 0o755))
	assert.ErrorIs(t, sys.Files.Remove("/full"), syscall.ENOTEMPTY)
}

func TestARootedSystemRunsNothing(t *testing.T) {
	sys, _ := rooted(t)
	_, err := sys.Runner.Run(t.Context(), Command{Argv: []string{"true"}})
	assert.ErrorIs(t, err, errRooted)
	_, err = sys.Units.Status(t.Context(), "a.service")
	assert.Error(t, err)
}

func TestFoldersWithoutADiskNeedNoSync(t *testing.T) {
	dir, err := os.Open("/proc/self")
	require.NoError(t, err)
	defer dir.Close()
	require.ErrorIs(t, dir.Sync(), syscall.EINVAL)
	assert.NoError(t, synced(dir))
}
