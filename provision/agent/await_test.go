package agent_test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/lease"
	"provision/provision/internal/system"
)

// holder is another process that has a host's lock, as its lease says.
type holder struct {
	command *exec.Cmd
	lease   *lease.Lease
}

func (h *host) holder(t *testing.T, silent time.Duration) *holder {
	t.Helper()
	other := &holder{command: exec.Command("sleep", "600")}
	require.NoError(t, other.command.Start())
	t.Cleanup(func() { _ = other.command.Process.Kill(); _ = other.command.Wait() }) // harmless when it has ended
	process, err := lease.Find(other.command.Process.Pid)
	require.NoError(t, err)
	other.lease, err = lease.Add(filepath.Join(h.root, system.LeaseDir), 1, process, lease.State{Heard: lease.Clock() - silent, Held: true})
	require.NoError(t, err)
	return other
}

func TestWhatEndsAWaitForALock(t *testing.T) {
	const silent, bound = 6 * time.Second, 20 * time.Second
	nothing := func(*testing.T, *holder) {}
	for name, test := range map[string]struct {
		silent time.Duration
		brief  bool
		within time.Duration
		happen func(t *testing.T, h *holder)
		least  time.Duration
		most   time.Duration
	}{
		"the process ends": {silent, false, bound, func(t *testing.T, h *holder) {
			require.NoError(t, h.command.Process.Kill())
			_ = h.command.Wait()
		}, 100 * time.Millisecond, 10 * time.Second},
		"the lock is let go": {silent, false, bound, func(_ *testing.T, h *holder) { h.lease.End() }, 100 * time.Millisecond, 10 * time.Second},
		"it is heard again": {silent, false, bound, func(t *testing.T, h *holder) {
			require.NoError(t, h.lease.Set(lease.State{Heard: lease.Clock(), Held: true}))
		}, 100 * time.Millisecond, 10 * time.Second},
		"a brief one is let go":             {0, true, bound, func(_ *testing.T, h *holder) { h.lease.End() }, 100 * time.Millisecond, 10 * time.Second},
		"its time is over":                  {lease.Term - 2*time.Second, false, bound, nothing, 1500 * time.Millisecond, 15 * time.Second},
		"the time to wait is over":          {silent, false, 300 * time.Millisecond, nothing, 300 * time.Millisecond, 15 * time.Second},
		"nobody waits for one that is well": {0, false, bound, nothing, 0, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			s := h.session(t, sessionOptions{})
			began := time.Now()
			other := h.holder(t, test.silent)
			happened := make(chan struct{})
			timer := time.AfterFunc(100*time.Millisecond, func() { defer close(happened); test.happen(t, other) })
			err := api.Await.Do(t.Context(), s, api.AwaitParams{Brief: test.brief, Within: test.within})
			took := time.Since(began)
			if !timer.Stop() {
				<-happened
			}
			require.NoError(t, err)
			assert.GreaterOrEqual(t, took, test.least)
			assert.Less(t, took, test.most)
		})
	}
}

func TestNobodyWaitsForAFreeLock(t *testing.T) {
	began := time.Now()
	require.NoError(t, api.Await.Do(t.Context(), newHost(t).session(t, sessionOptions{}), api.AwaitParams{Within: time.Minute}))
	assert.Less(t, time.Since(began), 30*time.Second)
}

func TestARefusalTellsWhatIsWorthWaitingFor(t *testing.T) {
	h := newHost(t)
	first := h.session(t, sessionOptions{})
	err := api.Lock.Do(t.Context(), first, api.LockParams{Holder: "timer", Epoch: 1, Brief: true})
	require.NoError(t, err)
	result, err := api.Lock.Call(t.Context(), h.session(t, sessionOptions{}), api.LockParams{Holder: "bob", Epoch: 2})
	require.NoError(t, err)
	assert.False(t, result.Granted)
	assert.True(t, result.Brief)
	assert.Equal(t, lease.Term, result.Free+result.Silent)
}
