package agent_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
	"provision/provision/secret"
)

func TestMastersDeriveTheSameDigestKey(t *testing.T) {
	first, second, worker := newHost(t), newHost(t), newHost(t)
	a, b, w := first.locked(t), second.locked(t), worker.locked(t)
	identity := birth(t, first, a, "u", system.ClusterKey)
	exported := act(t, first, a, "export", "u", system.ClusterKey)
	for h, s := range map[*host]map[string]secret.Wire{second: exported.Material, worker: nil} {
		session := b
		if h == worker {
			session = w
		}
		err := api.Identity.Do(t.Context(), session, api.IdentityParams{Act: "put", Epoch: h.epoch, UUID: "u", Identity: &identity, Material: s})
		require.NoError(t, err)
		act(t, h, session, "commit", "u")
	}
	key := act(t, first, a, "digest-key", "u").DigestKey
	assert.Len(t, key.Reveal(), 64)
	assert.Equal(t, key, act(t, second, b, "digest-key", "u").DigestKey, "the plan of another operator is the same")
	assert.NotContains(t, exported.Material[system.ClusterKey].Reveal(), key.Reveal())

	err := api.Identity.Do(t.Context(), w, api.IdentityParams{Act: "digest-key", UUID: "u"})
	require.ErrorContains(t, err, "does not hold")
	err = api.Identity.Do(t.Context(), a, api.IdentityParams{Act: "digest-key", UUID: "other"})
	require.ErrorContains(t, err, "holds no identity")

	stranger := newHost(t)
	s := stranger.locked(t)
	birth(t, stranger, s, "v", system.ClusterKey)
	assert.NotEqual(t, key, act(t, stranger, s, "digest-key", "v").DigestKey)
}
