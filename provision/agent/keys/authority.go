package keys

import (
	"bytes"
	"fmt"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/internal/ledger"
	"provision/provision/pki"
	"provision/provision/secret"
)

// renewAuthorities makes later certificates of the authorities whose keys are
// named, which this host holds, pending. Names and keys stay what they are, and
// so does what is trusted beside them.
func (k *Store) renewAuthorities(held *ledger.Ledger, state ledger.State, params api.IdentityParams) (api.IdentityResult, error) {
	identity, err := k.base(held, state, params)
	if err != nil {
		return api.IdentityResult{}, err
	}
	for _, item := range params.Items {
		name, ok := caOfKey(item)
		if !ok || !slices.Contains(identity.Holds, item) {
			return api.IdentityResult{}, api.BadRequest("the host does not hold the key %s of an authority", item)
		}
		key, err := k.readItem(item, k.committed(state)...)
		if err != nil {
			return api.IdentityResult{}, err
		}
		ca, err := pki.ParseCA([]byte(identity.CAs[name]), key)
		if err != nil {
			return api.IdentityResult{}, fmt.Errorf("reading authority %s: %w", name, err)
		}
		renewed, err := ca.Renewed(pki.Env{Now: k.Sys.Now()}, params.CALife)
		if err != nil {
			return api.IdentityResult{}, err
		}
		// While it is being replaced by another, the first is the one that signs.
		blocks := pki.Blocks([]byte(identity.CAs[name]))
		blocks[0] = renewed.CertPEM()
		certs := bytes.Join(blocks, nil)
		identity.CAs[name] = string(certs)
		if err := k.store(pendingOf(identity), map[string]secret.Wire{caCerts()[name]: carried(certs)}); err != nil {
			return api.IdentityResult{}, err
		}
	}
	if err := held.SetIdentity(state.Identity, &identity); err != nil {
		return api.IdentityResult{}, err
	}
	k.Sys.Point("authorities renewed")
	return api.IdentityResult{Identity: &identity}, nil
}
