package soak

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func TestAResultIsStaleOnceItsCodeChanged(t *testing.T) {
	root := t.TempDir()
	s := Soak{Name: "kills", Folders: []string{"provision"}}
	write(t, root, "provision/a.go", "package provision\n")
	covers, err := Hash(root, s.Folders)
	require.NoError(t, err)
	write(t, root, "test/soak/results/kills.json", `{"journey": "kills", "covers": "`+covers+`"}`)
	stale := func() bool {
		is, err := Stale(root, s)
		require.NoError(t, err)
		return is
	}
	assert.False(t, stale())

	write(t, root, "provision/a_test.go", "package provision\n")
	write(t, root, "provision/README.md", "# x\n")
	write(t, root, "cmd/b.go", "package main\n")
	assert.False(t, stale(), "tests, pages and other folders are not covered")

	write(t, root, "provision/a.go", "package provision // changed\n")
	assert.True(t, stale())
	write(t, root, "provision/a.go", "package provision\n")
	assert.False(t, stale())
	require.NoError(t, os.Rename(filepath.Join(root, "provision/a.go"), filepath.Join(root, "provision/b.go")))
	assert.True(t, stale(), "a renamed file counts")
}

func TestAResultWithoutAHashIsStale(t *testing.T) {
	root := t.TempDir()
	write(t, root, "provision/a.go", "package provision\n")
	write(t, root, "test/soak/results/kills.json", `{"journey": "kills"}`)
	is, err := Stale(root, Soak{Name: "kills", Folders: []string{"provision"}})
	require.NoError(t, err)
	assert.True(t, is)
}

func TestAMissingResultIsAnError(t *testing.T) {
	_, err := Stale(t.TempDir(), Soak{Name: "kills"})
	assert.ErrorContains(t, err, "make soak writes it")
}

func TestASoakThatIsNotListedHasNoHeader(t *testing.T) {
	_, err := Begin("../..", "invented", testTime())
	assert.ErrorContains(t, err, "not in the list")
}

func TestAHeaderNamesTheCode(t *testing.T) {
	head, err := Begin("../..", "pool", testTime())
	require.NoError(t, err)
	assert.Len(t, head.Commit, 40)
	assert.NotEmpty(t, head.Covers)
	assert.Equal(t, "2026-01-02T03:04:05Z", head.Date)
}

func testTime() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
