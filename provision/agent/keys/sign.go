package keys

import (
	"fmt"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/pki"
)

// Sign issues a certificate with a CA whose key is on this host.
func (k *Store) Sign(state ledger.State, request system.SignRequest) (api.SignResult, error) {
	item, ok := CAKeys()[request.CA]
	if !ok {
		return api.SignResult{}, api.BadRequest("unknown CA %q", request.CA)
	}
	if state.Identity == nil || !slices.Contains(state.Identity.Holds, item) {
		return api.SignResult{}, api.BadRequest("the host does not hold the key of CA %q", request.CA)
	}
	key, err := k.readItem(item, k.committed(state)...)
	if err != nil {
		return api.SignResult{}, err
	}
	ca, err := pki.ParseCA([]byte(state.Identity.CAs[request.CA]), key)
	if err != nil {
		return api.SignResult{}, fmt.Errorf("reading CA %s: %w", request.CA, err)
	}
	leaf := pki.Leaf{Server: request.Server, Client: request.Client, Life: request.Life}
	cert, err := ca.Sign(pki.Env{Now: k.Sys.Now()}, request.CSR, leaf)
	if err != nil {
		return api.SignResult{}, api.BadRequest("%v", err)
	}
	return api.SignResult{Certificate: cert}, nil
}
