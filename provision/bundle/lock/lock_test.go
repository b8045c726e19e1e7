package lock_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/bundle/lock"
)

var (
	one = strings.Repeat("1", 64)
	two = strings.Repeat("2", 64)
)

func TestSameInputsWithAnotherDigestAreRefused(t *testing.T) {
	var l lock.Lock
	l.AddOutput("inputs", lock.Output{Artifact: "tool@1/amd64", SHA256: one})
	assert.NoError(t, l.CheckOutput("inputs", lock.Output{SHA256: one}))
	assert.NoError(t, l.CheckOutput("other inputs", lock.Output{SHA256: two}))
	err := l.CheckOutput("inputs", lock.Output{Artifact: "tool@1/amd64", SHA256: two})
	var mismatch *lock.MismatchError
	require.ErrorAs(t, err, &mismatch)
	assert.ErrorContains(t, err, "tool@1/amd64")
	assert.ErrorContains(t, err, one)
}

func TestAnotherModuleChecksumIsRefused(t *testing.T) {
	var l lock.Lock
	l.AddModule("example.org/m@v1.0.0", "h1:a=")
	assert.NoError(t, l.CheckModule("example.org/m@v1.0.0", "h1:a="))
	assert.NoError(t, l.CheckModule("example.org/m@v1.0.1", "h1:b="))
	assert.ErrorContains(t, l.CheckModule("example.org/m@v1.0.0", "h1:b="), "example.org/m@v1.0.0")
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock.json")
	l, err := lock.Load(path)
	require.NoError(t, err, "a missing lock is empty")
	l.AddOutput("inputs", lock.Output{Artifact: "tool@1/amd64", SHA256: one, Size: 3})
	l.AddModule("example.org/m@v1.0.0", "h1:a=")
	require.NoError(t, l.Save(path))
	got, err := lock.Load(path)
	require.NoError(t, err)
	assert.Equal(t, l, got)
}

func TestCommittedLockIsUsable(t *testing.T) {
	l, err := lock.Committed()
	require.NoError(t, err)
	assert.NotEmpty(t, l.Modules)
	assert.NotEmpty(t, l.Outputs)
	for m, sum := range l.Modules {
		assert.True(t, strings.HasPrefix(sum, "h1:"), m)
		assert.Contains(t, m, "@v")
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"newer format": `{"format_version": 99}`,
		"no digest":    `{"format_version": 1, "outputs": {"x": {"sha256": "abc"}}}`,
		"not JSON":     `modules:`,
	} {
		_, err := lock.Parse([]byte(text))
		assert.Error(t, err, name)
	}
}
