package authority

import (
	"context"

	"provision/provision/agent/api"
	"provision/provision/event"
	"provision/provision/internal/system"
	"provision/provision/secret"
)

// LearnDigestKey asks a master for the key of the digests of secrets in plans.
// A new cluster has none: its plan says that there are secrets, and no more.
func (k *Keys) LearnDigestKey(ctx context.Context) {
	k.DigestKey = secret.Value{}
	id := k.Fleet.Decision.Identity
	if id == nil {
		return
	}
	var last error
	for _, name := range k.Holders(system.ClusterKey) {
		m := k.Fleet.Members[name]
		if m == nil {
			continue
		}
		result, err := api.Identity.Call(ctx, m.Agent, api.IdentityParams{Act: "digest-key", UUID: id.UUID})
		if err == nil && !result.DigestKey.Empty() {
			k.DigestKey = result.DigestKey.Value
			return
		}
		last = err
	}
	if last != nil {
		k.Fleet.Emit(event.Event{Type: event.Note, Text: "Plans show no digests of secrets: " + last.Error()})
	}
}

// Keyed makes digests of secrets for the plan; nil when none may be shown.
func (k *Keys) Keyed() func(text string) string {
	if k.DigestKey.Empty() {
		return nil
	}
	return k.DigestKey.Keyed
}

// InventoryDigest is that of a plan: of everything that was read, keyed; or of
// what cannot hold a secret.
func (k *Keys) InventoryDigest() string {
	if k.DigestKey.Empty() {
		return k.Fleet.Inventory.PublicDigest
	}
	return k.DigestKey.Keyed(k.Fleet.Inventory.Digest.Reveal())
}
