package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/pki"
)

func TestARotationOfAnAuthorityKeepsTheOldOneUntilItIsDropped(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	was := birth(t, h, s, "u", system.ClusterKey)
	turn := func(phase string) (api.IdentityResult, error) {
		return api.Identity.Call(t.Context(), s, api.IdentityParams{Act: "rotate", Epoch: h.epoch, UUID: "u", Cluster: "dc1",
			Items: []string{system.ClusterKey}, To: &facts.Turn{Phase: phase}})
	}
	_, err := turn(pki.Signing)
	require.ErrorContains(t, err, "does not go on")
	old := was.CAs["cluster"]
	now := func() (string, string) {
		tree := h.tree(t, system.IdentityDir)
		return tree[system.IdentityDir+"/"+system.ClusterCA], tree[system.IdentityDir+"/"+system.ClusterKey]
	}
	for _, phase := range []string{pki.Announced, pki.Signing, pki.Dropped, ""} {
		before, _ := now()
		for range 2 { // given up and done again
			made, err := turn(phase)
			require.NoError(t, err, phase)
			assert.Equal(t, was.Generation+1, made.Identity.Generation)
			still, _ := now()
			assert.Equal(t, before, still, "nothing changes before the commit")
		}
		err = api.Identity.Do(t.Context(), s, api.IdentityParams{Act: "commit", Epoch: h.epoch, UUID: "u", Generation: was.Generation + 2})
		require.ErrorContains(t, err, "is pending, not")
		committed, err := api.Identity.Call(t.Context(), s, api.IdentityParams{Act: "commit", Epoch: h.epoch, UUID: "u", Generation: was.Generation + 1})
		require.NoError(t, err)
		was = *committed.Identity
		certs, key := now()
		assert.Equal(t, was.CAs["cluster"], certs)
		_, err = pki.ParseCA([]byte(certs), []byte(key))
		require.NoError(t, err, "the first certificate and key belong together")
		assert.Equal(t, phase == pki.Announced || phase == pki.Signing, strings.Contains(certs, old), "in phase %q", phase)
		assert.Equal(t, phase == pki.Announced, strings.HasPrefix(certs, old), "the old one signs first only while announced")
	}
	assert.Empty(t, was.Turning)
	assert.NoDirExists(t, h.root+system.IdentityDir+"/pending")
}

// An authority can end while it is being replaced: it is renewed, whatever a
// killed run has left pending, and the rotation goes on.
func TestAnAuthorityIsRenewedInTheMiddleOfItsRotation(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	was := birth(t, h, s, "u", system.ClusterKey)
	life := pki.CALife
	act := func(params api.IdentityParams) facts.Identity {
		t.Helper()
		life += time.Hour
		params.CALife = life
		params.Epoch, params.UUID, params.Cluster = h.epoch, "u", "dc1"
		result, err := api.Identity.Call(t.Context(), s, params)
		require.NoError(t, err)
		return *result.Identity
	}
	turn := func(phase string) facts.Identity {
		return act(api.IdentityParams{Act: "rotate", Items: []string{system.ClusterKey}, To: &facts.Turn{Phase: phase}})
	}
	renew := func(from facts.Identity) facts.Identity {
		act(api.IdentityParams{Act: "renew", Items: []string{system.ClusterKey}})
		now := act(api.IdentityParams{Act: "commit"})
		assert.True(t, pki.Succeeds(from.CAs["cluster"], now.CAs["cluster"]))
		assert.Equal(t, from.Generation, now.Generation)
		assert.Equal(t, from.Turning, now.Turning)
		tree := h.tree(t, system.IdentityDir)
		assert.Equal(t, now.CAs["cluster"], tree[system.IdentityDir+"/"+system.ClusterCA])
		_, err := pki.ParseCA([]byte(now.CAs["cluster"]), []byte(tree[system.IdentityDir+"/"+system.ClusterKey]))
		require.NoError(t, err)
		return now
	}
	for _, phase := range []string{pki.Announced, pki.Signing, pki.Dropped, ""} {
		turn(phase) // killed here
		renew(was)
		turn(phase)
		was = act(api.IdentityParams{Act: "commit"})
		was = renew(was)
	}
	assert.Empty(t, was.Turning)
	assert.Len(t, pki.Blocks([]byte(was.CAs["cluster"])), 1)
}
