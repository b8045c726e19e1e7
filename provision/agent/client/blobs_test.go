package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"provision/provision/agent/api"
	"provision/provision/agent/blobs"
	"provision/provision/internal/system"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver runs the receiving end in-process.
func receiver(t *testing.T, dir string) Process {
	t.Helper()
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := blobs.Receive(t.Context(), dir, in, out)
		_ = in.Close()
		_ = out.Close()
		done <- err
	}()
	kill := func() { _ = in.CloseWithError(io.ErrClosedPipe); _ = out.Close() }
	return Process{Stdin: stdin, Stdout: stdout, Wait: func() error { err := <-done; done <- err; return err }, Kill: kill, Host: "m1"}
}

func blob(content []byte) Blob {
	sum := sha256.Sum256(content)
	return Blob{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), Open: func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content[offset:])), nil
	}}
}

func noise(size int) []byte {
	out := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = source.Read(out)
	return out
}

func TestBlobsArrive(t *testing.T) {
	contents := [][]byte{noise(3<<20 + 17), {}, bytes.Repeat([]byte("kubernetes "), 200_000), []byte("x")}
	for _, zstd := range []bool{false, true} {
		t.Run(fmt.Sprint("zstd ", zstd), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "blobs")
			var list []Blob
			var total, told int64
			for _, content := range contents {
				one := blob(content)
				one.Zstd = zstd
				list = append(list, one)
				total += one.Size
			}
			progress := func(_ string, n int64) { atomic.AddInt64(&told, n) }
			require.NoError(t, SendBlobs(t.Context(), receiver(t, dir), list, progress))
			assert.Equal(t, total, told)
			for i, content := range contents {
				got, err := os.ReadFile(filepath.Join(dir, list[i].SHA256))
				require.NoError(t, err)
				assert.True(t, bytes.Equal(content, got))
				info, err := os.Stat(filepath.Join(dir, list[i].SHA256))
				require.NoError(t, err)
				assert.EqualValues(t, 0o600, info.Mode().Perm())
			}
			assertOnly(t, dir, len(contents))
		})
	}
}

func assertOnly(t *testing.T, dir string, files int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := map[string]bool{}
	for _, entry := range entries {
		names["/"+entry.Name()] = true
	}
	delete(names, strings.TrimPrefix(system.ReceivedBlobs, system.BlobDir)) // not a blob
	assert.Len(t, names, files)
}

func TestInterruptedBlobResumes(t *testing.T) {
	dir := t.TempDir()
	content := noise(2 << 20)
	whole := blob(content)
	cut := whole
	cut.Open = func(int64) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(content[:1<<20]), failing{})), nil
	}
	require.Error(t, SendBlobs(t.Context(), receiver(t, dir), []Blob{cut}, nil))
	part, err := os.Stat(filepath.Join(dir, whole.SHA256+".part"))
	require.NoError(t, err)
	assert.EqualValues(t, 1<<20, part.Size())

	whole.Offset = part.Size()
	var told int64
	require.NoError(t, SendBlobs(t.Context(), receiver(t, dir), []Blob{whole}, func(_ string, n int64) { told += n }))
	assert.EqualValues(t, 1<<20, told)
	got, err := os.ReadFile(filepath.Join(dir, whole.SHA256))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(content, got))
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk error") }

func TestWrongContentIsNeverKept(t *testing.T) {
	dir := t.TempDir()
	good, bad := blob([]byte("good")), blob([]byte("what is meant"))
	bad.Open = blob([]byte("what is sent!")).Open
	err := SendBlobs(t.Context(), receiver(t, dir), []Blob{bad, good}, nil)
	require.ErrorContains(t, err, "m1: sending blobs")
	require.ErrorContains(t, err, "arrived with digest")
	assert.FileExists(t, filepath.Join(dir, good.SHA256), "the others arrive")
	assertOnly(t, dir, 1)
}

func TestResumingBeyondWhatIsThereIsAnError(t *testing.T) {
	one := blob([]byte("0123456789"))
	one.Offset = 5
	err := SendBlobs(t.Context(), receiver(t, t.TempDir()), []Blob{one}, nil)
	assert.ErrorContains(t, err, "only 0 bytes are here")
}

// deaf is a receiver that says hello and then neither reads nor answers; like a
// program of root's, it is not ended by who started it.
func deaf(t *testing.T) Process {
	t.Helper()
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	go func() { _, _ = io.WriteString(out, "PROVISION/1 "+api.BlobHello+"\n") }()
	t.Cleanup(func() { _ = in.Close(); _ = out.Close() })
	killed := make(chan struct{})
	return Process{Stdin: unclosable{stdin}, Stdout: stdout, Host: "m1", Wait: func() error { <-killed; return errors.New("killed") }, Kill: sync.OnceFunc(func() { close(killed) })}
}

type unclosable struct{ io.Writer }

func (unclosable) Close() error { return nil }

func TestAReceiverThatHangsIsGivenUp(t *testing.T) {
	began := time.Now()
	err := sendBlobs(t.Context(), deaf(t), []Blob{blob(noise(1 << 20))}, nil, 100*time.Millisecond)
	require.ErrorContains(t, err, "m1: sending blobs: the host took nothing and answered nothing for 100ms; it hangs")
	assert.Less(t, time.Since(began), time.Minute)

	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the session ended")
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	require.ErrorIs(t, SendBlobs(ctx, deaf(t), []Blob{blob(noise(1 << 20))}, nil), why, "although a write hangs")

	assert.Equal(t, 85*time.Second, patienceFor([]Blob{{Size: 1}, {Size: 100 << 20}}), "a slow disk has its time")
}

// drip passes content on slowly.
type drip struct {
	io.Writer
	pause time.Duration
}

func (d drip) Write(b []byte) (int, error) {
	time.Sleep(d.pause)
	return d.Writer.Write(b)
}

func TestASlowReceiverIsNotGivenUp(t *testing.T) {
	process := receiver(t, t.TempDir())
	stdin := process.Stdin
	process.Stdin = struct {
		io.Writer
		io.Closer
	}{drip{stdin, 50 * time.Millisecond}, stdin}
	began := time.Now()
	const patience = 2 * time.Second
	require.NoError(t, sendBlobs(t.Context(), process, []Blob{blob(noise(1 << 20))}, nil, patience))
	assert.Greater(t, time.Since(began), patience)
}

func TestCancelledSendingEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	one := blob(noise(1 << 20))
	one.Open = func(int64) (io.ReadCloser, error) {
		cancel()
		return io.NopCloser(bytes.NewReader(noise(1 << 20))), nil
	}
	err := SendBlobs(ctx, receiver(t, t.TempDir()), []Blob{one}, nil)
	assert.ErrorIs(t, err, context.Canceled)
}
