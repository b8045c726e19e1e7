package system

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunnerReportsFailures(t *testing.T) {
	runner := NewRunner()
	result, err := runner.Run(t.Context(), Command{Argv: []string{"sh", "-c", "echo out; echo why >&2; exit 3"}})
	var failure *CommandError
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, 3, failure.Code)
	assert.Equal(t, "why", failure.Tail)
	assert.Equal(t, "out\n", string(result.Stdout))
	_, err = runner.Run(t.Context(), Command{Argv: []string{"no-such-command-at-all"}})
	require.ErrorAs(t, err, &failure)
	assert.Equal(t, -1, failure.Code)
	assert.Empty(t, runner.LookPath("no-such-command-at-all"))
	_, err = runner.Run(t.Context(), Command{})
	assert.Error(t, err)
}

func TestRunnerHasAMinimalEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_LOGIN", "1")
	result, err := NewRunner().Run(t.Context(), Command{Argv: []string{"env"}, Env: []string{"ADDED=2"}, Stdin: strings.NewReader("")})
	require.NoError(t, err)
	assert.NotContains(t, string(result.Stdout), "SECRET_OF_THE_LOGIN")
	assert.Contains(t, string(result.Stdout), "ADDED=2")
}

func TestRunnerCutsOutputInTheMiddle(t *testing.T) {
	result, err := NewRunner().Run(t.Context(), Command{Argv: []string{"seq", "100000"}})
	require.NoError(t, err)
	assert.LessOrEqual(t, len(result.Stdout), outputLimit+64)
	assert.True(t, strings.HasPrefix(string(result.Stdout), "1\n2\n"))
	assert.True(t, strings.HasSuffix(string(result.Stdout), "99999\n100000\n"))
	assert.Contains(t, string(result.Stdout), "bytes left out")
}

func TestCancelKillsTheWholeGroup(t *testing.T) {
	pidFile := t.TempDir() + "/pid"
	require.NoError(t, syscall.Mkfifo(pidFile, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := NewRunner().Run(ctx, Command{Argv: []string{"sh", "-c", "sleep 300 & echo $! > " + pidFile + "; wait"}})
		done <- err
	}()
	raw, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	require.NoError(t, err)
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	assert.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, time.Minute, 5*time.Millisecond, "the grandchild lives on")
}

func TestReloadsAreJoined(t *testing.T) {
	var joined reloads
	var count atomic.Int32
	running, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		assert.NoError(t, joined.do(func() error { close(running); <-release; count.Add(1); return nil }))
	})
	<-running
	for range 20 {
		all.Go(func() { assert.NoError(t, joined.do(func() error { count.Add(1); return nil })) })
	}
	assert.Eventually(t, func() bool { return !joined.running.TryLock() }, time.Minute, time.Millisecond)
	close(release)
	all.Wait()
	assert.GreaterOrEqual(t, count.Load(), int32(2), "what came during the first run needs another")
	assert.LessOrEqual(t, count.Load(), int32(21))
}

func FuzzUnitStatus(f *testing.F) {
	f.Add("active", []byte{1, 2}, true)
	f.Fuzz(func(t *testing.T, text string, id []byte, reload bool) {
		status := unitStatus(map[string]any{"ActiveState": text, "InvocationID": id, "NeedDaemonReload": reload, "LoadState": id})
		assert.Equal(t, text, status.ActiveState)
		assert.Empty(t, status.LoadState, "another type is no value")
		assert.Equal(t, reload, status.NeedReload)
	})
}
