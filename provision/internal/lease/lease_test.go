package lease

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"provision/provision/internal/proc"
)

func TestEntriesAreListedUntilTheyEnd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "leases")
	list, err := List(dir)
	require.NoError(t, err)
	assert.Empty(t, list, "no folder, no leases")
	one, err := Add(dir, 7, Process{ID: 42, Start: 99}, State{Heard: time.Second})
	require.NoError(t, err)
	two, err := Add(dir, 7, Process{ID: 42, Start: 99}, State{})
	require.NoError(t, err)
	assert.NotEqual(t, one.ID, two.ID)
	two.End()
	require.NoError(t, one.Set(State{Heard: 2 * time.Second, Held: true}))
	for name, content := range map[string]string{
		"7.42.99": "{}", "x.1.1.0123456789abcdef": "{}", "7.1.99.0123456789abcdef": "{}", // names
		"7.43.99.0123456789abcdef": "garbage", "99999999999999999999.43.99.0123456789abcdef": "{}",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	list, err = List(dir)
	require.NoError(t, err)
	assert.Equal(t, []Entry{{ID: one.ID, Epoch: 7, Process: Process{ID: 42, Start: 99},
		State: State{Heard: 2 * time.Second, Held: true}}}, list, "what is no entry is passed over")
	Forget(dir, list[0])
	assert.NoFileExists(t, filepath.Join(dir, one.ID))
}

func TestASessionIsOverWhenItsOperatorIsSilent(t *testing.T) {
	now := time.Hour
	for name, c := range map[string]struct {
		state State
		want  bool
	}{
		"just heard":              {State{Heard: now}, false},
		"within the term":         {State{Heard: now - Term}, false},
		"after it":                {State{Heard: now - Term - 1}, true},
		"has ended just now":      {State{Heard: now, Over: true}, false},
		"ended, and does not go":  {State{Heard: now - Patience - 1, Over: true}, true},
		"receivers have no term":  {State{Blobs: true}, false},
		"heard later than we ask": {State{Heard: now + time.Second}, false},
	} {
		assert.Equal(t, c.want, Entry{State: c.state}.Expired(now), name)
	}
}

// program starts a program below a folder of its own.
func program(t *testing.T) (folder string, cmd *exec.Cmd) {
	t.Helper()
	folder = t.TempDir()
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	raw, err := os.ReadFile(sleep)
	require.NoError(t, err)
	path := filepath.Join(folder, "program")
	require.NoError(t, os.WriteFile(path, raw, 0o700))
	cmd = exec.CommandContext(t.Context(), path, "600")
	cmd.Args[0] = "sleep" // some systems have one binary for all
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return folder, cmd
}

func process(t *testing.T, pid int) Process {
	t.Helper()
	p, err := Find(pid)
	require.NoError(t, err)
	return p
}

func TestKillEndsASuspendedProgramOfOurs(t *testing.T) {
	folder, cmd := program(t)
	p := process(t, cmd.Process.Pid)
	require.NoError(t, cmd.Process.Signal(unix.SIGSTOP))
	require.True(t, p.Running())
	require.NoError(t, p.Kill(t.Context(), folder))
	assert.False(t, p.Running(), "it waits for its parent at most")
	assert.False(t, proc.Alive(p.ID))
	require.Error(t, cmd.Wait())
	assert.NoError(t, p.Kill(t.Context(), folder), "one that has ended is ended")
}

func TestKillEndsNothingElse(t *testing.T) {
	folder, cmd := program(t)
	p := process(t, cmd.Process.Pid)
	require.ErrorIs(t, p.Kill(t.Context(), t.TempDir()), ErrNotOurs, "a program from elsewhere")
	require.ErrorIs(t, p.Kill(t.Context(), folder[:len(folder)-1]), ErrNotOurs, "a folder whose name begins the same")
	require.NoError(t, Process{ID: p.ID, Start: p.Start + 1}.Kill(t.Context(), folder), "another life of the process id")
	assert.True(t, p.Running())
}

func TestThisProcessRuns(t *testing.T) {
	self, err := Self()
	require.NoError(t, err)
	assert.True(t, self.Running())
}
