//go:build killpoints

package killpoint

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// armed are rules of a folder; died tells whether they ended the process.
func armed(t *testing.T, text string) (r *rules, folder string, died *bool) {
	t.Helper()
	folder, died = t.TempDir(), new(bool)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "rules"), []byte(text), 0o600))
	list, err := parse(text)
	require.NoError(t, err)
	return &rules{folder: folder, list: list, end: func() { *died = true }}, folder, died
}

func reached(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "reached"))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return string(text)
}

func TestKillsAtTheNthPassageOnce(t *testing.T) {
	r, folder, died := armed(t, "kill 2 write:renamed /etc/.*\n")
	r.passed("write:renamed /opt/x")
	r.passed("write:renamed /etc/a")
	assert.False(t, *died)
	r.passed("before write:renamed /etc/b")
	assert.False(t, *died, "the whole name has to match")
	r.passed("write:renamed /etc/b")
	assert.True(t, *died)
	assert.Equal(t, "write:renamed /etc/b\n", reached(t, folder))
	assert.Nil(t, open(folder), "the next process has no rules")
}

func TestOfTwoProcessesOneIsKilled(t *testing.T) {
	r, folder, died := armed(t, "kill 1 x\n")
	require.NoError(t, os.Remove(filepath.Join(folder, "rules"))) // by the other
	r.passed("x")
	assert.False(t, *died)
	assert.Empty(t, reached(t, folder))
}

func TestMeetsTheTest(t *testing.T) {
	r, folder, died := armed(t, "meet 1 x\n")
	for _, name := range []string{"at", "go"} {
		require.NoError(t, syscall.Mkfifo(filepath.Join(folder, name), 0o600))
	}
	went := make(chan struct{})
	go func() { r.passed("x"); close(went) }()
	_, err := os.ReadFile(filepath.Join(folder, "at"))
	require.NoError(t, err)
	assert.Equal(t, "x\n", reached(t, folder))
	select {
	case <-went:
		t.Fatal("it did not wait")
	default:
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "go"), nil, 0o600))
	<-went
	assert.False(t, *died)
}

func TestRulesThatAreNone(t *testing.T) {
	for _, text := range []string{"kill\n", "kill x y\n", "murder 1 x\n", "kill 1 (\n"} {
		_, err := parse(text)
		assert.Error(t, err, "%q", text)
	}
	assert.Nil(t, open(""))
	assert.Nil(t, open(t.TempDir()))
}
