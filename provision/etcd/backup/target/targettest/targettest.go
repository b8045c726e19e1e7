package targettest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/etcd/backup/target"
)

// Run opens empty targets and tries all that they promise. Large is the size of
// an object that the kind moves in several parts.
func Run(t *testing.T, open func(t *testing.T) target.Target, large int) {
	t.Helper()
	t.Run("objects come back", func(t *testing.T) { comeBack(t, open(t), large) })
	t.Run("names", func(t *testing.T) { namesStay(t, open(t)) })
	t.Run("what fails leaves nothing", func(t *testing.T) { nothingHalf(t, open(t), large) })
}

func put(t *testing.T, to target.Target, name string, content []byte) {
	t.Helper()
	require.NoError(t, to.Put(t.Context(), name, bytes.NewReader(content), int64(len(content))), name)
}

func get(t *testing.T, from target.Target, name string) []byte {
	t.Helper()
	r, err := from.Get(t.Context(), name)
	require.NoError(t, err, name)
	defer r.Close()
	content, err := io.ReadAll(r)
	require.NoError(t, err, name)
	return content
}

func list(t *testing.T, of target.Target, prefix string) []string {
	t.Helper()
	infos, err := of.List(t.Context(), prefix)
	require.NoError(t, err)
	names := []string{}
	for _, info := range infos {
		names = append(names, info.Name)
	}
	return names
}

func comeBack(t *testing.T, to target.Target, large int) {
	defer to.Close()
	assert.NotEmpty(t, to.Name())
	assert.Empty(t, list(t, to, ""), "nothing there is no error")
	assert.Empty(t, list(t, to, "a/"))
	big := bytes.Repeat([]byte("0123456789abcde\n"), large/16)
	put(t, to, "a/b/one", []byte("1"))
	put(t, to, "a/two", big)
	put(t, to, "ab", []byte("3"))
	assert.Equal(t, []string{"a/b/one", "a/two", "ab"}, list(t, to, ""))
	assert.Equal(t, []string{"a/b/one", "a/two"}, list(t, to, "a/"))
	assert.Equal(t, []string{"a/b/one"}, list(t, to, "a/b/o"))
	assert.True(t, bytes.Equal(big, get(t, to, "a/two")))
	infos, err := to.List(t.Context(), "a/two")
	require.NoError(t, err)
	require.Len(t, infos, 1)
	assert.EqualValues(t, len(big), infos[0].Size)
	assert.False(t, infos[0].Modified.IsZero())
	put(t, to, "a/two", []byte("again"))
	assert.Equal(t, "again", string(get(t, to, "a/two")), "an object is replaced")
	require.NoError(t, to.Delete(t.Context(), "a/two"))
	assert.Equal(t, []string{"a/b/one"}, list(t, to, "a/"))
	r, err := to.Get(t.Context(), "a/two")
	if err == nil { // told with the first byte
		_, err = io.ReadAll(r)
		r.Close()
	}
	assert.ErrorIs(t, err, target.ErrNotFound)
}

func namesStay(t *testing.T, to target.Target) {
	defer to.Close()
	for _, name := range []string{"", "/etc/passwd", "../x", "a/../../x", "a//b", ".hidden", "a/", "a\\b", "a\x00"} {
		assert.Error(t, to.Put(t.Context(), name, bytes.NewReader(nil), 0), "%q", name)
		_, err := to.Get(t.Context(), name)
		assert.Error(t, err, "%q", name)
		assert.Error(t, to.Delete(t.Context(), name), "%q", name)
	}
}

var errBroken = errors.New("the source broke")

// breaking reads well for a while.
type breaking struct {
	*bytes.Reader
	left int
	do   func() error
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if err := b.do(); err != nil {
			return 0, err
		}
	}
	n, err := b.Reader.Read(p[:min(len(p), max(b.left, 4096))])
	b.left -= n
	return n, err
}

func (b *breaking) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

func nothingHalf(t *testing.T, to target.Target, large int) {
	defer to.Close()
	content := bytes.Repeat([]byte("x"), large)
	source := &breaking{bytes.NewReader(content), large / 2, func() error { return errBroken }}
	assert.Error(t, to.Put(t.Context(), "u/broken", struct{ io.ReadSeeker }{source}, int64(large)), "the source breaks")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	source = &breaking{bytes.NewReader(content), large / 2, func() error { cancel(); return nil }}
	assert.Error(t, to.Put(ctx, "u/cancelled", struct{ io.ReadSeeker }{source}, int64(large)), "its context ends")
	assert.Error(t, to.Put(t.Context(), "u/short", bytes.NewReader(content[:10]), int64(large)), "the source is shorter than announced")
	assert.Empty(t, list(t, to, ""))
	put(t, to, "u/broken", []byte("whole"))
	assert.Equal(t, "whole", string(get(t, to, "u/broken")))
}
