package keys

import (
	"provision/provision/agent/api"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/secret"
)

// digestKey derives what digests of secrets in plans are keyed with from the
// key of the cluster's authority: every master derives the same, nobody else
// can, and it tells nothing of that key. Without lock: nothing is written.
func (k *Store) digestKey(state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	exported, err := k.export(state, api.IdentityParams{UUID: params.UUID, Items: []string{system.ClusterKey}})
	if err != nil {
		return api.IdentityResult{}, err
	}
	key := exported.Material[system.ClusterKey].Keyed("provision: digests of secrets in plans, 1")
	return api.IdentityResult{DigestKey: secret.OnWire(secret.New(key))}, nil
}
