package blobs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/internal/wire"
)

const digestOfX = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

func TestTwoReceiversDoNotMixOneBlob(t *testing.T) {
	dir := t.TempDir()
	held, err := openPart(filepath.Join(dir, digestOfX+".part"))
	require.NoError(t, err)
	var out bytes.Buffer
	in := bytes.NewReader([]byte(`{"sha256":"` + digestOfX + `","size":1,"offset":0}` + "\nx"))
	require.NoError(t, Receive(t.Context(), dir, in, &out))
	assert.Contains(t, out.String(), "from somebody else")
	require.NoError(t, held.Close())

	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			in := bytes.NewReader([]byte(`{"sha256":"` + digestOfX + `","size":1,"offset":0}` + "\nx"))
			assert.NoError(t, Receive(t.Context(), dir, in, io.Discard))
		})
	}
	wait.Wait()
	content, err := os.ReadFile(filepath.Join(dir, digestOfX))
	require.NoError(t, err)
	assert.Equal(t, "x", string(content))
}

func TestBadHeadersEndTheChannel(t *testing.T) {
	for _, header := range []string{
		"nonsense", `{}`, `{"sha256":"../../etc/passwd","size":1}`,
		`{"sha256":"` + digestOfX + `","size":-1}`, `{"sha256":"` + digestOfX + `","size":1,"offset":2}`,
	} {
		dir := t.TempDir()
		err := Receive(t.Context(), dir, bytes.NewReader([]byte(header+"\nx")), io.Discard)
		assert.ErrorContains(t, err, "reading blob header", header)
		entries, _ := os.ReadDir(dir)
		assert.Empty(t, entries)
	}
}

func TestAReceivedBlobIsRecordedUnderItsFinalName(t *testing.T) {
	root := t.TempDir()
	dir := root + system.BlobDir
	in := bytes.NewReader([]byte(`{"sha256":"` + digestOfX + `","size":1,"offset":0}` + "\nx"))
	require.NoError(t, Receive(t.Context(), dir, in, io.Discard))
	record, err := os.ReadFile(root + system.ReceivedBlobs)
	require.NoError(t, err)
	stat, err := os.Stat(filepath.Join(dir, digestOfX))
	require.NoError(t, err)
	ctime := stat.Sys().(*syscall.Stat_t).Ctim
	assert.Contains(t, string(record), fmt.Sprintf(":%d %s\n", ctime.Nano(), digestOfX), "after the rename")
}

func TestADamagedBlobIsReplacedAndAGoodOneKept(t *testing.T) {
	for content, replaced := range map[string]bool{"xX": true, "": true, "y": true, "x": false} {
		dir := t.TempDir()
		final, used := filepath.Join(dir, digestOfX), filepath.Join(dir, "installed")
		require.NoError(t, os.WriteFile(final, []byte(content), 0o600))
		require.NoError(t, os.Link(final, used))
		var out bytes.Buffer
		in := bytes.NewReader([]byte(`{"sha256":"` + digestOfX + `","size":1,"offset":0}` + "\nx"))
		require.NoError(t, Receive(t.Context(), dir, in, &out))
		assert.NotContains(t, out.String(), "error")
		now, err := os.ReadFile(final)
		require.NoError(t, err)
		assert.Equal(t, "x", string(now))
		old, err := os.ReadFile(used)
		require.NoError(t, err)
		assert.Equal(t, content, string(old), "what is installed is not written to")
		a, errA := os.Stat(final)
		b, errB := os.Stat(used)
		require.NoError(t, errors.Join(errA, errB))
		assert.Equal(t, replaced, !os.SameFile(a, b), "%q", content)
	}
}

func TestEndInsideABlobKeepsWhatArrived(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	_ = Receive(t.Context(), dir, bytes.NewReader([]byte(`{"sha256":"`+digestOfX+`","size":9,"offset":0}`+"\nabc")), &out)
	assert.Contains(t, out.String(), `"have":3`)
	content, err := os.ReadFile(filepath.Join(dir, digestOfX+".part"))
	require.NoError(t, err)
	assert.Equal(t, "abc", string(content))
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"sha256":"` + digestOfX + `","size":1,"offset":0}` + "\nx"))
	f.Add([]byte(`{"sha256":"` + digestOfX + `","size":1,"offset":0,"zstd":true}` + "\n\x00\x00\x00\x02ab\x00\x00\x00\x00"))
	f.Add([]byte(`{"sha256":"` + digestOfX + `","size":1,"zstd":true}` + "\n\xff\xff\xff\xff"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, input []byte) {
		_ = Receive(t.Context(), dir, bytes.NewReader(input), io.Discard)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, entry := range entries {
			if entry.Name() != digestOfX { // the only content that a seed has
				_ = os.Remove(filepath.Join(dir, entry.Name()))
			}
		}
		var header struct{}
		_ = wire.ReadHeader(bytes.NewReader(input), &header)
	})
}
