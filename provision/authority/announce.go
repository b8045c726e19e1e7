package authority

import (
	"context"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/system"
)

// Announce has all hosts know what else is to be known of the cluster, as the
// next generation of its identity: hosts that are away are told when they are
// back. Masters and etcd hosts commit it first.
func (k *Keys) Announce(ctx context.Context, epoch uint64, next facts.Identity) error {
	next.Generation++
	next.Holds = nil
	base := api.IdentityParams{Epoch: epoch, UUID: next.UUID, Cluster: next.Cluster, Generation: next.Generation}
	if err := k.Fleet.Do(k.Fleet.Names(), func(name string) error {
		put := base
		put.Act, put.Identity = "put", &next
		k.Point("announcing " + name)
		return api.Identity.Do(ctx, k.Fleet.Members[name].Agent, put)
	}); err != nil {
		return err
	}
	for _, group := range k.keepersFirst() {
		if err := k.commitBirth(ctx, group, base); err != nil {
			return err
		}
	}
	k.Fleet.Decision.Identity = &next
	return nil
}

// EncryptionKeys are the names of the keys with which the masters read Secrets.
func (k *Keys) EncryptionKeys(ctx context.Context) ([]string, error) {
	id := k.Fleet.Decision.Identity
	text, err := k.export(ctx, api.IdentityParams{UUID: id.UUID, Cluster: id.Cluster}, system.Encryption)
	if err != nil {
		return nil, err
	}
	var list []string
	for line := range strings.Lines(string(text.Bytes())) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "- name: "); ok {
			list = append(list, name)
		}
	}
	return list, nil
}
