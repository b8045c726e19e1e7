package agent_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
)

func TestAHostLeavesOnlyWhenNothingIsLeftOnIt(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	birth(t, h, s, "u", allItems...)
	require.FileExists(t, h.root+system.IdentityDir+"/"+system.ClusterKey)
	file := text("/etc/motd", "hello")
	_, err := h.apply(t.Context(), s, file, false)
	require.NoError(t, err)

	leave := api.IdentityParams{Act: "leave", Epoch: h.epoch, UUID: "u", Cluster: "dc1"}
	err = api.Identity.Do(t.Context(), s, leave)
	require.ErrorContains(t, err, file.Address.ID())
	err = api.Remove.Do(t.Context(), s, api.RemoveParams{Epoch: h.epoch, ID: file.Address.ID()})
	require.NoError(t, err)
	for range 2 { // killed after the first, the next run asks again
		err = api.Identity.Do(t.Context(), s, leave)
		require.NoError(t, err)
	}
	assert.NoDirExists(t, h.root+system.IdentityDir)
	known, err := api.Facts.Call(t.Context(), s, api.FactsParams{})
	require.NoError(t, err)
	assert.Nil(t, known.Owned.Identity)
	assert.Equal(t, h.epoch, known.Owned.Epoch)
}
