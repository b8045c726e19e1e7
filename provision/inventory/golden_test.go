package inventory_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
	"provision/provision/parts"
)

var update = flag.Bool("update", false, "write golden files and docs/inventory.md")

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update")
	assert.Equal(t, string(want), got)
}

// TestDiagnostics loads each file of testdata/invalid and compares what is
// said about it, word by word.
func TestDiagnostics(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.hcl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hcl"), func(t *testing.T) {
			src, err := os.ReadFile(file)
			require.NoError(t, err)
			began := time.Now()
			inv, list := inventory.Parse(t.Context(), map[string][]byte{filepath.Base(file): src}, sealed())
			assert.Less(t, time.Since(began), 30*time.Second)
			assert.Equal(t, list.HasErrors(), inv == nil)
			assert.NotEmpty(t, list)
			text := printed(t, list)
			assert.NotContains(t, text, "hunter2\" +", "a secret is shown")
			golden(t, strings.TrimSuffix(file, ".hcl")+".txt", text)
		})
	}
}

// sealed returns options that reach nothing outside the test.
func sealed() inventory.Options {
	return inventory.Options{
		Parts:    parts.All(),
		Env:      func(string) (string, bool) { return "", false },
		ReadFile: func(string) ([]byte, error) { return nil, os.ErrNotExist },
	}
}
