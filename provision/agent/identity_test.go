package agent_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/agent/client"
	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/internal/wire"
	"provision/provision/pki"
	"provision/provision/secret"
)

func blobOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func act(t *testing.T, h *host, s *client.Session, name, uuid string, items ...string) api.IdentityResult {
	t.Helper()
	result, err := api.Identity.Call(t.Context(), s, api.IdentityParams{Act: name, Epoch: h.epoch, UUID: uuid, Cluster: "dc1", Items: items})
	require.NoError(t, err)
	return result
}

func birth(t *testing.T, h *host, s *client.Session, uuid string, items ...string) facts.Identity {
	t.Helper()
	act(t, h, s, "create", uuid, items...)
	return *act(t, h, s, "commit", uuid).Identity
}

var allItems = []string{system.ClusterKey, system.EtcdKey, system.FrontProxyKey, system.ServiceKey, system.Encryption}

func TestBirthInTwoPhases(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	act(t, h, s, "create", "u", allItems...)
	host, err := api.Facts.Call(t.Context(), s, api.FactsParams{})
	require.NoError(t, err)
	assert.Nil(t, host.Owned.Identity)
	assert.Len(t, host.Owned.Pending.CAs, 3)
	assert.NotContains(t, mustJSON(t, host), "PRIVATE KEY", "facts hold no secret")
	assert.NoFileExists(t, h.root+system.IdentityDir+"/"+system.ClusterKey)

	again := act(t, h, s, "create", "u", allItems...)
	assert.Equal(t, host.Owned.Pending, again.Identity, "a second create is the first")
	asked := act(t, h, s, "create", "u", system.EtcdCA, system.EtcdKey, system.ServicePub)
	assert.Equal(t, again.Identity.CAs["etcd"], asked.Material[system.EtcdCA].Reveal())
	assert.Equal(t, again.Material[system.EtcdKey], asked.Material[system.EtcdKey])
	assert.Equal(t, again.Identity.ServiceAccountKey, asked.Material[system.ServicePub].Reveal())
	act(t, h, s, "commit", "u")
	host, err = api.Facts.Call(t.Context(), s, api.FactsParams{})
	require.NoError(t, err)
	assert.Equal(t, again.Identity, host.Owned.Identity)
	assert.Nil(t, host.Owned.Pending)
	assert.Len(t, h.tree(t, system.IdentityDir), 9, "three CAs and a pair of keys, and the encryption key")
	_, err = pki.ParseCA([]byte(h.read(system.IdentityDir+"/etcd.crt")), []byte(h.read(system.IdentityDir+"/etcd.key")))
	assert.NoError(t, err)
}

func TestIdentityIsCopiedToAnotherHost(t *testing.T) {
	master, etcd := newHost(t), newHost(t)
	m, e := master.locked(t), etcd.locked(t)
	act(t, master, m, "create", "u", system.ClusterKey, system.ServiceKey, system.Encryption)
	made := act(t, etcd, e, "create", "u", system.EtcdKey)
	// Pending on each; each gets the other's public part.
	put := func(h *host, s *client.Session, identity *facts.Identity, material map[string]secret.Wire) error {
		err := api.Identity.Do(t.Context(), s, api.IdentityParams{Act: "put", Epoch: h.epoch, UUID: "u", Identity: identity, Material: material})
		return err
	}
	require.NoError(t, put(master, m, made.Identity, nil))
	exported := act(t, master, m, "export", "u", system.ClusterKey, system.ServiceKey, system.Encryption)
	require.NoError(t, put(etcd, e, exported.Identity, exported.Material))
	act(t, master, m, "commit", "u")
	full := act(t, etcd, e, "commit", "u").Identity
	assert.Equal(t, []string{system.ClusterKey, system.Encryption, system.EtcdKey, system.ServiceKey}, full.Holds)
	for _, item := range []string{system.ClusterKey, system.ClusterCA, system.ServiceKey, system.ServicePub, system.EtcdCA, system.Encryption} {
		assert.Equal(t, master.read(system.IdentityDir+"/"+item), etcd.read(system.IdentityDir+"/"+item), item)
	}
	// Another key for the same CA, another CA, or another encryption key are refused.
	stranger := newHost(t)
	other := birth(t, stranger, stranger.locked(t), "u", allItems...)
	assert.True(t, wire.IsCode(put(etcd, e, &other, nil), api.CodeForeign))
	wrong := map[string]secret.Wire{system.ClusterKey: secret.OnWire(secret.New(stranger.read(system.IdentityDir + "/" + system.ClusterKey)))}
	assert.ErrorContains(t, put(etcd, e, exported.Identity, wrong), "does not belong")
	wrong = map[string]secret.Wire{system.Encryption: secret.OnWire(secret.New(stranger.read(system.IdentityDir + "/" + system.Encryption)))}
	assert.True(t, wire.IsCode(put(etcd, e, exported.Identity, wrong), api.CodeForeign))
}

func TestGivenUpBirthIsReplaced(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	first := act(t, h, s, "create", "one", system.ClusterKey)
	second := act(t, h, s, "create", "two", system.ClusterKey)
	assert.NotEqual(t, first.Identity.CAs, second.Identity.CAs)
	err := api.Identity.Do(t.Context(), s, api.IdentityParams{Act: "commit", Epoch: h.epoch, UUID: "one"})
	require.Error(t, err)
	act(t, h, s, "discard", "two")
	host, err := api.Facts.Call(t.Context(), s, api.FactsParams{})
	require.NoError(t, err)
	assert.Nil(t, host.Owned.Pending)
	assert.Empty(t, h.tree(t, system.IdentityDir))
	birth(t, h, s, "three", system.ClusterKey)
	err = api.Identity.Do(t.Context(), s, api.IdentityParams{Act: "create", Epoch: h.epoch, UUID: "four"})
	assert.True(t, wire.IsCode(err, api.CodeForeign))
}

func TestSigningNeedsTheKeyHere(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	key, err := pki.NewKey(pki.Env{})
	require.NoError(t, err)
	csr, err := pki.CSR(pki.Env{}, key, pki.Operator("ann").Request(nil, nil))
	require.NoError(t, err)
	request := system.SignRequest{CA: pki.ClusterCA, CSR: csr, Client: true, Life: time.Hour}
	err = api.Sign.Do(t.Context(), s, request)
	assert.ErrorContains(t, err, "does not hold the key")
	identity := birth(t, h, s, "u", system.ClusterKey)
	signed, err := api.Sign.Call(t.Context(), s, request)
	require.NoError(t, err)
	cert, err := pki.ParseCert(signed.Certificate)
	require.NoError(t, err)
	ca, err := pki.ParseCert([]byte(identity.CAs[pki.ClusterCA]))
	require.NoError(t, err)
	assert.NoError(t, cert.CheckSignatureFrom(ca))
	err = api.Sign.Do(t.Context(), s, system.SignRequest{CA: "nonsense"})
	assert.Error(t, err)
}
