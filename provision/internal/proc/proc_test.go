package proc

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	line := "42 (a) b (c) S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 9"
	s, err := ParseStat([]byte(line))
	require.NoError(t, err)
	assert.Equal(t, Stat{PID: 42, Parent: 7, Start: 123456}, s)
	s, err = ParseStat([]byte(strings.Replace(line, " S ", " Z ", 1)))
	require.NoError(t, err)
	assert.True(t, s.Dead)
	for _, bad := range []string{"", "42", "42 (a", "42 (a) S 7", "x (a) S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456"} {
		_, err := ParseStat([]byte(bad))
		assert.ErrorContains(t, err, "reading a process's stat", bad)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a b) S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 9"))
	f.Add([]byte("12 (a) b) S 1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5551 1 1"))
	f.Add([]byte("12 (a"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = ParseStat(data) })
}

func TestThisProcessIsAlive(t *testing.T) {
	s, err := ReadStat(os.Getpid())
	require.NoError(t, err)
	assert.Equal(t, os.Getpid(), s.PID)
	assert.True(t, Alive(s.PID))
	assert.False(t, Alive(1<<22+1))
}

// sleeper is a process and a channel that has its end.
func sleeper(t *testing.T) (pid int, ended <-chan error) {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd.Process.Pid, done
}

func TestKillReturnsWhenTheProcessIsGone(t *testing.T) {
	pid, ended := sleeper(t)
	require.NoError(t, Kill(t.Context(), pid, func() (bool, error) { return false, nil }))
	assert.ErrorIs(t, Kill(t.Context(), pid, func() (bool, error) { return false, assert.AnError }), assert.AnError)
	require.True(t, Alive(pid), "it was not meant")
	require.NoError(t, Kill(t.Context(), pid, nil))
	select {
	case err := <-ended:
		assert.ErrorContains(t, err, "killed")
	case <-time.After(time.Minute):
		t.Fatal("the process runs on")
	}
	assert.NoError(t, Kill(t.Context(), pid, nil), "gone is fine")
	assert.NoError(t, Wait(t.Context(), pid), "gone is fine")
}

func TestWaitingForAnEndIsBounded(t *testing.T) {
	pid, _ := sleeper(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, Wait(ctx, pid), context.DeadlineExceeded)
}
