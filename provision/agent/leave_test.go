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
	_, err = s.Identity(t.Context(), leave)
	require.ErrorContains(t, err, file.Address.ID())
	_, err = s.Remove(t.Context(), api.RemoveParams{Epoch: h.epoch, ID: file.Address.ID()})
	require.NoError(t, err)
	for range 2 { // killed after the first, the next run asks again
		_, err = s.Identity(t.Context(), leave)
		require.NoError(t, err)
	}
	assert.NoDirExists(t, h.root+system.IdentityDir)
	known, err := s.Facts(t.Context())
	require.NoError(t, err)
	assert.Nil(t, known.Owned.Identity)
	assert.Equal(t, h.epoch, known.Owned.Epoch)
}
