package agent_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/lease"
	"provision/provision/internal/system"
)

// reaper stands in for the host's processes: it ends sessions of this test.
type reaper struct {
	mu      sync.Mutex
	entered []uint64
	ended   []lease.Entry
	end     func(lease.Entry) error
}

func (r *reaper) Enter(_ context.Context, epoch uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entered = append(r.entered, epoch)
	return nil
}

func (r *reaper) End(_ context.Context, e lease.Entry) error {
	r.mu.Lock()
	r.ended = append(r.ended, e)
	r.mu.Unlock()
	return r.end(e)
}

func (h *host) leases(t *testing.T) []lease.Entry {
	t.Helper()
	list, err := lease.List(filepath.Join(h.root, system.LeaseDir))
	require.NoError(t, err)
	return list
}

func TestALeaseLastsAsLongAsTheSession(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	list := h.leases(t)
	require.Len(t, list, 1)
	assert.True(t, list[0].Held)
	assert.EqualValues(t, 1, list[0].Epoch)
	assert.Less(t, lease.Clock()-list[0].Heard, time.Minute)
	other := h.session(t, sessionOptions{})
	result, err := api.Lock.Call(t.Context(), other, api.LockParams{Holder: "bob", Epoch: 2})
	require.NoError(t, err)
	assert.False(t, result.Granted)
	assert.Len(t, h.leases(t), 1, "who does not get the lock leaves nothing")
	require.NoError(t, s.Close())
	assert.Empty(t, h.leases(t))
}

func TestTheHolderIsToldAtOnce(t *testing.T) {
	h := newHost(t)
	first := h.session(t, sessionOptions{})
	err := api.Lock.Do(t.Context(), first, api.LockParams{Holder: "ann@desk 1", Doing: "apply, plan 1a2b3c4d", Epoch: 1})
	require.NoError(t, err)
	began := time.Now()
	result, err := api.Lock.Call(t.Context(), h.session(t, sessionOptions{}), api.LockParams{Holder: "bob", Epoch: 2})
	require.NoError(t, err)
	assert.Less(t, time.Since(began), 10*time.Second)
	assert.Equal(t, "apply, plan 1a2b3c4d", result.Doing)
	assert.Equal(t, "ann@desk 1", result.Holder)
	assert.WithinDuration(t, time.Now(), result.Since, time.Minute)
	assert.Less(t, result.Silent, time.Minute)
}

func TestAHungSessionIsEndedAndReplaced(t *testing.T) {
	h := newHost(t)
	hung := h.locked(t)
	// Its lease says that nobody was heard for long: the process is suspended.
	entry := h.leases(t)[0]
	rewrite(t, h, entry, lease.State{Heard: lease.Clock() - lease.Term - time.Second, Held: true})
	r := &reaper{end: func(lease.Entry) error { return hung.Close() }}
	h.scope = r
	s := h.session(t, sessionOptions{})
	result, err := api.Lock.Call(t.Context(), s, api.LockParams{Holder: "bob", Epoch: 2})
	require.NoError(t, err)
	assert.True(t, result.Granted, "%+v", result)
	require.Len(t, r.ended, 1)
	assert.Equal(t, entry.ID, r.ended[0].ID, "exactly that one")
	assert.Equal(t, []uint64{2}, r.entered)
}

func TestWhatCannotBeEndedKeepsTheLock(t *testing.T) {
	h := newHost(t)
	h.locked(t)
	rewrite(t, h, h.leases(t)[0], lease.State{Heard: lease.Clock() - lease.Term - time.Second, Held: true})
	h.scope = &reaper{end: func(lease.Entry) error { return errors.New("process 7 does not end") }}
	err := api.Lock.Do(t.Context(), h.session(t, sessionOptions{}), api.LockParams{Holder: "bob", Epoch: 2})
	require.ErrorContains(t, err, "taking over from a run that is over: process 7 does not end")
}

// rewrite says something else in a lease than its session does.
func rewrite(t *testing.T, h *host, entry lease.Entry, state lease.State) {
	t.Helper()
	dir := filepath.Join(h.root, system.LeaseDir)
	forged, err := lease.Add(dir, entry.Epoch, entry.Process, state)
	require.NoError(t, err)
	require.NoError(t, os.Rename(filepath.Join(dir, forged.ID), filepath.Join(dir, entry.ID)))
}

func TestALookThatIsOutOfDateGetsNoLock(t *testing.T) {
	h := newHost(t)
	require.NoError(t, h.locked(t).Close()) // epoch 1
	seen := uint64(0)
	s := h.session(t, sessionOptions{})
	result, err := api.Lock.Call(t.Context(), s, api.LockParams{Holder: "bob", Epoch: 9, Seen: &seen})
	require.NoError(t, err)
	assert.Equal(t, api.LockResult{Epoch: 1}, result, "another run came between, although 9 is high enough")
	seen = 1
	result, err = api.Lock.Call(t.Context(), s, api.LockParams{Holder: "bob", Epoch: 9, Seen: &seen})
	require.NoError(t, err)
	assert.True(t, result.Granted)
}
