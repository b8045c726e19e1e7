package provision

import (
	"context"

	"provision/provision/agent/api"
	"provision/provision/event"
	"provision/provision/internal/system"
	"provision/provision/secret"
)

// learnDigestKey asks a master for the key of the digests of secrets in plans.
// A new cluster has none: its plan says that there are secrets, and no more.
func (o *Operator) learnDigestKey(ctx context.Context) {
	o.digestKey = secret.Value{}
	id := o.decision.Identity
	if id == nil {
		return
	}
	var last error
	for _, name := range o.holders(system.ClusterKey) {
		m := o.fleet.Members[name]
		if m == nil {
			continue
		}
		result, err := m.Agent.Identity(ctx, api.IdentityParams{Act: "digest-key", UUID: id.UUID})
		if err == nil && !result.DigestKey.Empty() {
			o.digestKey = result.DigestKey.Value
			return
		}
		last = err
	}
	if last != nil {
		o.emit(event.Event{Type: event.Note, Text: "Plans show no digests of secrets: " + last.Error()})
	}
}

// keyed makes digests of secrets for the plan; nil when none may be shown.
func (o *Operator) keyed() func(text string) string {
	if o.digestKey.Empty() {
		return nil
	}
	return o.digestKey.Keyed
}

// inventoryDigest is that of a plan: of everything that was read, keyed; or of
// what cannot hold a secret.
func (o *Operator) inventoryDigest() string {
	if o.digestKey.Empty() {
		return o.Inventory.PublicDigest
	}
	return o.digestKey.Keyed(o.Inventory.Digest.Reveal())
}
