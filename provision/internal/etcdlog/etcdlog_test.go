package etcdlog

import (
	"bytes"
	"encoding/hex"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/corrupt"
)

// real is how a segment of etcd 3.7 begins.
func real(t *testing.T) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.Join([]string{
		"04000000000000840804100000000000", "1f000000000000810801" + "1086da9a9608", "1a150890d6eaf3f5e8fbf45a1091cedf",
		"948b82dfd4c201000e00000000000082", "080510e4d2e196021a04080010000000", "10000000000000000803" + "10aaf7b5a109",
		"1a060803100018003200000000000086",
	}, ""))
	require.NoError(t, err)
	return raw
}

var owned = Owner{Member: "5ae9ef475e7aab10", Cluster: "c2a97c10b297e711"}

func TestParse(t *testing.T) {
	got, err := Parse(bytes.NewReader(real(t)))
	require.NoError(t, err)
	assert.Equal(t, owned, got)
	got, err = Parse(bytes.NewReader(Segment(0xabc, 0xdef)))
	require.NoError(t, err)
	assert.Equal(t, Owner{"abc", "def"}, got)

	damaged := real(t)
	damaged[36] ^= 1
	_, err = Parse(bytes.NewReader(damaged))
	require.ErrorContains(t, err, "damaged", "a member is not another one because of a bit")
	for name, raw := range map[string][]byte{"empty": nil, "cut off": real(t)[:40], "zeros": make([]byte, 64<<10), "no member": Segment(0, 7)} {
		_, err = Parse(bytes.NewReader(raw))
		require.Error(t, err, name)
	}
}

// tree is a host's files.
type tree struct{ fstest.MapFS }

func (f tree) ReadDir(name string) ([]fs.DirEntry, error) { return f.MapFS.ReadDir(name[1:]) }

func (f tree) Open(name string) (io.ReadCloser, error) { return f.MapFS.Open(name[1:]) }

func TestRead(t *testing.T) {
	files := tree{fstest.MapFS{"m/snap/db": {}}}
	_, there, err := Read(files, "/m/wal")
	require.NoError(t, err)
	assert.False(t, there)
	files.MapFS["m/wal/0.tmp"] = &fstest.MapFile{Data: real(t)}
	_, there, err = Read(files, "/m/wal")
	require.NoError(t, err)
	assert.False(t, there, "a log that was not begun")
	files.MapFS["m/wal/0000000000000000-0000000000000000.wal"] = &fstest.MapFile{}
	files.MapFS["m/wal/0000000000000001-00000000000003e8.wal"] = &fstest.MapFile{Data: Segment(1, 2)}
	got, there, err := Read(files, "/m/wal")
	require.NoError(t, err)
	assert.True(t, there)
	assert.Equal(t, Owner{"1", "2"}, got)
	files.MapFS["m/wal/0000000000000002-00000000000007d0.wal"] = &fstest.MapFile{Data: []byte("x")}
	_, there, err = Read(files, "/m/wal")
	assert.True(t, there)
	require.Error(t, err)
}

// Whoever damages a log does not make it another member's.
func TestDamagedLogs(t *testing.T) {
	corrupt.Feed(t, 1, func(in []byte) bool {
		got, err := Parse(bytes.NewReader(in))
		if err != nil {
			return false
		}
		return assert.Contains(t, []Owner{owned, {"abc", "def"}}, got)
	}, real(t), Segment(0xabc, 0xdef))
}

func FuzzParse(f *testing.F) {
	f.Add(Segment(1, 2))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := Parse(bytes.NewReader(in))
		if err == nil {
			assert.NotEqual(t, "0", got.Member)
			assert.LessOrEqual(t, len(got.Member)+len(got.Cluster), 32)
		}
	})
}
