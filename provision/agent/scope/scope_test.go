package scope

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"provision/provision/internal/lease"
	"provision/provision/internal/proc"
)

// epoch is one that no host has reached.
const epoch = 1 << 40

func TestReceiversNeedALivingHolder(t *testing.T) {
	leases := t.TempDir()
	s, err := New(leases, t.TempDir())
	require.NoError(t, err)
	_, err = s.Join(t.Context(), epoch)
	require.ErrorIs(t, err, ErrOver, "nobody has the lock")
	for name, state := range map[string]lease.State{
		"only waits for the lock": {Heard: lease.Clock()},
		"is over":                 {Heard: lease.Clock() - lease.Term - 1, Held: true},
	} {
		holder, err := lease.Add(leases, epoch, s.self, state)
		require.NoError(t, err)
		_, err = s.Join(t.Context(), epoch)
		require.ErrorIs(t, err, ErrOver, name)
		holder.End()
	}
	holder, err := lease.Add(leases, epoch, s.self, lease.State{Heard: lease.Clock(), Held: true})
	require.NoError(t, err)
	_, err = s.Join(t.Context(), epoch-1)
	require.ErrorIs(t, err, ErrOver, "of an older epoch")
	leave, err := s.Join(t.Context(), epoch)
	require.NoError(t, err)
	leave()
	holder.End()
	left, err := lease.List(leases)
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestOlderReceiversAreEndedAndWaitersAreNot(t *testing.T) {
	leases, programs := t.TempDir(), t.TempDir()
	s, err := New(leases, programs)
	require.NoError(t, err)
	receiver, waiter := start(t, programs), start(t, programs)
	require.NoError(t, receiver.Process.Signal(unix.SIGSTOP))
	for cmd, state := range map[*exec.Cmd]lease.State{receiver: {Blobs: true}, waiter: {Heard: lease.Clock()}} {
		_, err := lease.Add(leases, epoch, lifeOf(t, cmd), state)
		require.NoError(t, err)
	}
	_, err = lease.Add(leases, 1, lease.Process{ID: receiver.Process.Pid, Start: 1}, lease.State{Held: true})
	require.NoError(t, err)
	require.NoError(t, s.endOlder(t.Context(), epoch+1))
	assert.False(t, proc.Alive(receiver.Process.Pid))
	assert.True(t, proc.Alive(waiter.Process.Pid))
	left, err := lease.List(leases)
	require.NoError(t, err)
	require.Len(t, left, 1, "what is gone is forgotten")
	assert.Equal(t, waiter.Process.Pid, left[0].Process.ID)

	require.NoError(t, s.End(t.Context(), left[0]))
	assert.False(t, proc.Alive(waiter.Process.Pid))
}

func start(t *testing.T, folder string) *exec.Cmd {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	raw, err := os.ReadFile(sleep)
	require.NoError(t, err)
	path := filepath.Join(folder, "program")
	if _, err := os.Stat(path); err != nil {
		require.NoError(t, os.WriteFile(path, raw, 0o700))
	}
	cmd := exec.CommandContext(t.Context(), path, "600")
	cmd.Args[0] = "sleep"
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// lifeOf finds the process as a lease names it.
func lifeOf(t *testing.T, cmd *exec.Cmd) lease.Process {
	t.Helper()
	p, err := lease.Find(cmd.Process.Pid)
	require.NoError(t, err)
	return p
}
