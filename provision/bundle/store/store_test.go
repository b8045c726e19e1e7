package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/store"
)

func open(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	return st
}

func ref(name string) bundle.Ref { return bundle.Ref{Name: name, Version: "1.0.0", Arch: "amd64"} }

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// put stores text as an artifact.
func put(t *testing.T, st *store.Store, name, text string) bundle.Artifact {
	t.Helper()
	sum, size, err := st.Add(strings.NewReader(text), "")
	require.NoError(t, err)
	a := bundle.Artifact{Ref: ref(name), File: name, Format: bundle.Binary, SHA256: sum, Size: size}
	require.NoError(t, st.Put(store.Record{Ref: ref(name), Artifacts: []bundle.Artifact{a}}))
	return a
}

func TestResolveReturnsWhatWasPut(t *testing.T) {
	st := open(t)
	want := put(t, st, "tool", "hello")
	got, err := st.Resolve(ref("tool"))
	require.NoError(t, err)
	assert.Equal(t, []bundle.Artifact{want}, got)
	assert.Equal(t, digestOf("hello"), got[0].SHA256)
	again, err := store.Open(store.Options{Dir: st.Dir()})
	require.NoError(t, err)
	list, err := again.List()
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, int64(5), list[0].Size())
}

func TestResolveNamesTheCommandThatObtains(t *testing.T) {
	_, err := open(t).Resolve(ref("tool"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "tool@1.0.0/amd64")
	assert.ErrorContains(t, err, "provision bundle pull")
}

func TestMissingNamesWhatToObtain(t *testing.T) {
	st := open(t)
	put(t, st, "tool", "hello")
	assert.Equal(t, []bundle.Ref{ref("other")}, st.Missing([]bundle.Ref{ref("tool"), ref("other")}))
}

func TestAddRefusesOtherBytes(t *testing.T) {
	st := open(t)
	_, _, err := st.Add(strings.NewReader("evil"), digestOf("good"))
	var corrupt *store.CorruptError
	require.ErrorAs(t, err, &corrupt)
	assert.False(t, st.Has(digestOf("good")))
	assert.False(t, st.Has(digestOf("evil")))
	left, err := os.ReadDir(filepath.Join(st.Dir(), "tmp"))
	require.NoError(t, err)
	assert.Empty(t, left, "a refused blob leaves nothing")
}

func TestCorruptBlobIsNeverReturned(t *testing.T) {
	change := map[string]func(path string) error{
		"flipped bytes": func(p string) error { return os.WriteFile(p, []byte("jello"), 0o644) },
		"truncated":     func(p string) error { return os.Truncate(p, 2) },
		"replaced, times kept": func(p string) error {
			info, err := os.Stat(p)
			if err != nil {
				return err
			}
			err = os.WriteFile(p+".new", []byte("jello"), 0o644)
			return errors.Join(err, os.Chtimes(p+".new", info.ModTime(), info.ModTime()), os.Rename(p+".new", p))
		},
		"a link elsewhere": func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/etc/hostname", p)) },
	}
	for name, f := range change {
		t.Run(name, func(t *testing.T) {
			st := open(t)
			a := put(t, st, "tool", "hello")
			path, err := st.Path(a.SHA256)
			require.NoError(t, err)
			require.NoError(t, os.Chmod(path, 0o644))
			require.NoError(t, f(path))
			_, err = st.Resolve(ref("tool"))
			require.Error(t, err)
			_, err = st.Open(a.SHA256)
			require.Error(t, err)
		})
	}
}

func TestTouchedBlobIsHashedAgainAndServed(t *testing.T) {
	st := open(t)
	a := put(t, st, "tool", "hello")
	path, err := st.Path(a.SHA256)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)))
	_, err = st.Resolve(ref("tool"))
	require.NoError(t, err)
}

func TestPutRefusesARecordWithoutItsBlobs(t *testing.T) {
	st := open(t)
	a := bundle.Artifact{Ref: ref("tool"), File: "tool", SHA256: digestOf("absent")}
	require.Error(t, st.Put(store.Record{Ref: ref("tool"), Artifacts: []bundle.Artifact{a}}))
	_, err := st.Record(ref("tool"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestNamesCannotLeaveTheStore(t *testing.T) {
	st := open(t)
	for _, r := range []bundle.Ref{
		{Name: "../x", Version: "1", Arch: "amd64"}, {Name: "x", Version: "", Arch: "amd64"},
		{Name: "x", Version: "1", Arch: "a/b"}, {Name: ".x", Version: "1", Arch: "amd64"},
	} {
		_, err := st.Record(r)
		assert.ErrorContains(t, err, "plain words", r.String())
	}
	_, err := st.Path("../../etc/passwd")
	assert.ErrorContains(t, err, "not a sha256")
}

func TestVerifyFindsAndRemovesCorruptBlobs(t *testing.T) {
	st := open(t)
	put(t, st, "good", "hello")
	bad := put(t, st, "bad", "world")
	path, err := st.Path(bad.SHA256)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o644))
	require.NoError(t, os.WriteFile(path, []byte("w0rld"), 0o644))
	problems, err := st.Verify(nil)
	require.NoError(t, err)
	require.Len(t, problems, 1)
	assert.Equal(t, ref("bad"), problems[0].Ref)
	assert.NoFileExists(t, path)
	_, err = st.Resolve(ref("bad"))
	assert.ErrorContains(t, err, "provision bundle pull")
	_, err = st.Resolve(ref("good"))
	assert.NoError(t, err)
}

func TestSweepLeavesWhatALivingProcessHolds(t *testing.T) {
	st := open(t)
	held, done, err := st.TempDir("build-*")
	require.NoError(t, err)
	defer done()
	left := filepath.Join(st.Dir(), "tmp", "build-left")
	require.NoError(t, os.MkdirAll(left, 0o755))
	young := filepath.Join(st.Dir(), "tmp", "build-young")
	require.NoError(t, os.MkdirAll(young, 0o755))
	old := time.Now().Add(-time.Hour)
	require.NoError(t, errors.Join(os.Chtimes(held, old, old), os.Chtimes(left, old, old)))
	require.NoError(t, st.Sweep())
	assert.DirExists(t, held)
	assert.DirExists(t, young)
	assert.NoDirExists(t, left)
}

func TestLockKeepsOthersOutUntilReleased(t *testing.T) {
	st := open(t)
	unlock, err := st.Lock(t.Context(), ref("tool"), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = st.Lock(ctx, ref("tool"), cancel) // gives up once it has to wait
	require.ErrorIs(t, err, context.Canceled)
	unlock()
	again, err := st.Lock(t.Context(), ref("tool"), nil)
	require.NoError(t, err)
	again()
}

// TestKilledWriterLeavesAUsableStore runs this test binary as a writer that
// never ends by itself, kills it in the middle and reads the store.
func TestKilledWriterLeavesAUsableStore(t *testing.T) {
	if dir := os.Getenv("STORE_WRITER"); dir != "" {
		writeForEver(dir)
	}
	dir := t.TempDir()
	st, err := store.Open(store.Options{Dir: dir})
	require.NoError(t, err)
	for i := range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriterLeavesAUsableStore$")
		cmd.Env = append(os.Environ(), "STORE_WRITER="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = out.Read(make([]byte, 10*(i+1))) // it has begun
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		recs, err := st.List()
		require.NoError(t, err)
		for _, rec := range recs {
			_, err := st.Resolve(rec.Ref)
			require.NoError(t, err, "a record promises its blobs")
		}
		problems, err := st.Verify(nil)
		require.NoError(t, err)
		require.Empty(t, problems)
	}
}

func writeForEver(dir string) {
	st, err := store.Open(store.Options{Dir: dir})
	for i := 0; err == nil; i++ {
		r := bundle.Ref{Name: "tool", Version: time.Now().Format("150405.000000000"), Arch: "amd64"}
		var a = bundle.Artifact{Ref: r, File: "tool"}
		a.SHA256, a.Size, err = st.Add(strings.NewReader(strings.Repeat(r.Version, 20000)), "")
		if err == nil {
			err = st.Put(store.Record{Ref: r, Artifacts: []bundle.Artifact{a}})
		}
		_, _ = os.Stdout.WriteString("x")
	}
	os.Exit(1)
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"format_version":1,"records":[{"format_version":1,"ref":{"name":"a","version":"1","arch":"amd64"},"artifacts":[]}]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		idx, err := store.ParseIndex(data)
		if err != nil {
			return
		}
		for _, rec := range idx.Records {
			for _, a := range rec.Artifacts {
				if strings.Contains(a.File, "/") || len(a.SHA256) != 64 {
					t.Fatalf("accepted %+v", a)
				}
			}
		}
	})
}
