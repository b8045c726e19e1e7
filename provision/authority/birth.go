package authority

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/identity"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/secret"
)

// Birth creates the identity of a new cluster in two phases: pending on every
// host that answered, then committed everywhere. Killed in between, the next
// run either finds a commit and completes it, or starts over: nothing used it.
func (k *Keys) Birth(ctx context.Context, epoch uint64) error {
	id, err := UUID()
	if err != nil {
		return err
	}
	base := api.IdentityParams{Epoch: epoch, UUID: id, Cluster: k.Fleet.Inventory.Cluster.Name, CALife: k.Fleet.Inventory.PKI.CALife}
	if err := k.Fleet.Do(k.Fleet.Names(), func(name string) error {
		if !slices.Contains(k.Fleet.Decision.Discard, name) {
			return nil
		}
		discard := base
		discard.Act = "discard"
		err := api.Identity.Do(ctx, k.Fleet.Members[name].Agent, discard)
		return err
	}); err != nil {
		return err
	}
	made, material, err := k.create(ctx, base)
	if err != nil {
		return err
	}
	names := k.Fleet.Names()
	if err := k.Fleet.Do(names, func(name string) error {
		return k.put(ctx, name, base, made, material)
	}); err != nil {
		return err
	}
	// Those who hold the keys first: a host that has committed may count on them.
	for _, group := range k.keepersFirst() {
		if err := k.commitBirth(ctx, group, base); err != nil {
			return err
		}
	}
	k.adopt(made)
	return nil
}

// keepersFirst are the hosts that answered: those that keep the identity, then
// all others.
func (k *Keys) keepersFirst() [2][]string {
	keepers, others := k.Fleet.Split(k.Fleet.Names())
	return [2][]string{keepers, others}
}

func (k *Keys) commitBirth(ctx context.Context, names []string, base api.IdentityParams) error {
	base.Act = "commit"
	return k.Fleet.Do(names, func(name string) error {
		k.Point("committing " + name)
		err := api.Identity.Do(ctx, k.Fleet.Members[name].Agent, base)
		k.Point("committed " + name)
		return err
	})
}

// CompleteBirth commits on hosts that were cut off between the two phases,
// before anything asks them to sign.
func (k *Keys) CompleteBirth(ctx context.Context, epoch uint64) error {
	if len(k.Fleet.Decision.Commit) == 0 {
		return nil
	}
	id := k.Fleet.Decision.Identity
	return k.commitBirth(ctx, k.Fleet.Decision.Commit, api.IdentityParams{Epoch: epoch, UUID: id.UUID, Cluster: id.Cluster})
}

// create has the keys made on hosts that will keep them: etcd's CA on an etcd
// host, the rest on a master. They pass through this process's memory only.
func (k *Keys) create(ctx context.Context, base api.IdentityParams) (*facts.Identity, map[string]secret.Wire, error) {
	made := &facts.Identity{UUID: base.UUID, Cluster: base.Cluster, CAs: map[string]string{}}
	material := map[string]secret.Wire{}
	parts := []struct {
		role  inventory.Role
		items []string
	}{
		{inventory.RoleMaster, []string{system.ClusterKey, system.FrontProxyKey, system.ServiceKey, system.Encryption}},
		{inventory.RoleEtcd, []string{system.EtcdKey}},
	}
	for _, part := range parts {
		params := base
		params.Act, params.Items = "create", part.items
		result, err := api.Identity.Call(ctx, k.Fleet.Members[k.Fleet.Inventory.With(part.role)[0].Name].Agent, params)
		if err != nil {
			return nil, nil, fmt.Errorf("creating the cluster's keys: %w", err)
		}
		maps.Copy(material, result.Material)
		if result.Identity != nil {
			maps.Copy(made.CAs, result.Identity.CAs)
			if result.Identity.ServiceAccountKey != "" {
				made.ServiceAccountKey = result.Identity.ServiceAccountKey
			}
		}
	}
	return made, material, nil
}

// put sends a host the items that its roles give it, and no others.
func (k *Keys) put(ctx context.Context, name string, base api.IdentityParams, made *facts.Identity, material map[string]secret.Wire) error {
	m := k.Fleet.Members[name]
	params := base
	params.Act, params.Identity = "put", made
	params.Material = map[string]secret.Wire{}
	for _, item := range identity.Items(m.Host) {
		content, ok := material[item]
		if !ok {
			return fmt.Errorf("giving %s its part of the cluster's identity: no host has %s", name, item)
		}
		params.Material[item] = content
	}
	k.Point("putting " + name)
	err := api.Identity.Do(ctx, m.Agent, params)
	k.Point("put " + name)
	return err
}

// Join gives a host the identity of an existing cluster: what it lacks is
// copied from hosts that have it.
func (k *Keys) Join(ctx context.Context, name string, epoch uint64) error {
	id := k.Fleet.Decision.Identity
	base := api.IdentityParams{Epoch: epoch, UUID: id.UUID, Cluster: id.Cluster, CALife: k.Fleet.Inventory.PKI.CALife}
	material := map[string]secret.Wire{}
	for _, item := range identity.Items(k.Fleet.Members[name].Host) {
		content, err := k.export(ctx, base, item)
		if err != nil {
			return err
		}
		material[item] = content
	}
	if err := k.put(ctx, name, base, id, material); err != nil {
		return err
	}
	commit := base
	commit.Act = "commit"
	err := api.Identity.Do(ctx, k.Fleet.Members[name].Agent, commit)
	return err
}

func (k *Keys) export(ctx context.Context, base api.IdentityParams, item string) (secret.Wire, error) {
	params := base
	params.Act, params.Items = "export", []string{item}
	var last error
	for _, holder := range k.Holders(item) {
		m := k.Fleet.Members[holder]
		if m == nil {
			continue
		}
		result, err := api.Identity.Call(ctx, m.Agent, params)
		if err == nil {
			return result.Material[item], nil
		}
		last = err
	}
	return secret.Wire{}, fmt.Errorf("copying %s of the cluster's identity: no host that has it answered: %w", item, errors.Join(last))
}

// adopt makes the new identity the one that the rest of the run works with.
func (k *Keys) adopt(made *facts.Identity) {
	k.Fleet.Decision.Identity = made
	for _, name := range k.Fleet.Names() {
		for _, item := range identity.Items(k.Fleet.Members[name].Host) {
			k.Fleet.Decision.Holders[item] = append(k.Fleet.Decision.Holders[item], name)
		}
	}
}

// UUID returns a random UUID (RFC 9562, version 4).
func UUID() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("making a UUID: %w", err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// Formed reports whether etcd of this cluster is known to have formed. From
// then on a host without data never starts etcd as if the cluster were new.
func (k *Keys) Formed() bool {
	return k.Fleet.Decision.Identity != nil && k.Fleet.Decision.Identity.EtcdClusterID != ""
}

// RememberEtcd writes etcd's cluster id to every host's ledger, once etcd has
// formed: the mark by which lost data are told from a new cluster.
func (k *Keys) RememberEtcd(ctx context.Context, epoch, id uint64) error {
	known := *k.Fleet.Decision.Identity
	known.EtcdClusterID = strconv.FormatUint(id, 16)
	known.Holds = nil
	base := api.IdentityParams{Epoch: epoch, UUID: known.UUID, Cluster: known.Cluster}
	err := k.Fleet.Do(k.Fleet.Names(), func(name string) error {
		put := base
		put.Act, put.Identity = "put", &known
		err := api.Identity.Do(ctx, k.Fleet.Members[name].Agent, put)
		return err
	})
	if err == nil {
		err = k.commitBirth(ctx, k.Fleet.Names(), base)
	}
	if err == nil {
		k.Fleet.Decision.Identity.EtcdClusterID = known.EtcdClusterID
	}
	return err
}

// Depart has a host give the cluster's identity up.
func (k *Keys) Depart(ctx context.Context, host string, epoch uint64) error {
	err := api.Identity.Do(ctx, k.Fleet.Members[host].Agent, api.IdentityParams{
		Act: "leave", Epoch: epoch, UUID: k.Fleet.Decision.Identity.UUID, Cluster: k.Fleet.Decision.Identity.Cluster})
	return err
}
