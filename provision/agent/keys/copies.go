package keys

import (
	"crypto/sha256"
	"encoding/hex"

	"provision/provision/facts"
	"provision/provision/internal/ledger"
	"provision/provision/secret"
)

// Copies look at the private items that the ledger says the host holds, and
// leave out those that are not there: it gets them anew.
func (k *Store) Copies(state ledger.State) map[string]facts.Copy {
	identity := state.Identity
	if identity == nil {
		return nil
	}
	found := map[string]facts.Copy{}
	for _, item := range identity.Holds {
		content, err := k.readItem(item, k.committed(state)...)
		if err != nil {
			continue
		}
		sum := sha256.Sum256(content)
		one := facts.Copy{Digest: hex.EncodeToString(sum[:])}
		if _, err := checkMaterial(*identity, map[string]secret.Wire{item: carried(content)}); err != nil {
			one.Damaged = true
		}
		found[item] = one
	}
	return found
}

// Unsettled reports whether items lie between the two phases of a change.
func (k *Store) Unsettled() bool {
	_, err := k.Sys.Files.Lstat(pendingDir)
	return err == nil
}

// HeldAs is the identity with the items that are really there.
func HeldAs(identity *facts.Identity, found map[string]facts.Copy) *facts.Identity {
	if identity == nil {
		return nil
	}
	held := *identity
	held.Holds = nil
	for _, item := range identity.Holds {
		if _, ok := found[item]; ok {
			held.Holds = append(held.Holds, item)
		}
	}
	return &held
}
