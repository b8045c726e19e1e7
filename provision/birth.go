package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/identity"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/secret"
)

// birth creates the identity of a new cluster in two phases: pending on every
// host that answered, then committed everywhere. Killed in between, the next
// run either finds a commit and completes it, or starts over: nothing used it.
func (o *Operator) birth(ctx context.Context, epoch uint64) error {
	id, err := uuid()
	if err != nil {
		return err
	}
	base := api.IdentityParams{Epoch: epoch, UUID: id, Cluster: o.Inventory.Cluster.Name, CALife: o.Inventory.PKI.CALife}
	if err := o.acts(o.fleet.Names(), func(name string) error {
		if !slices.Contains(o.decision.Discard, name) {
			return nil
		}
		discard := base
		discard.Act = "discard"
		_, err := o.fleet.Members[name].Agent.Identity(ctx, discard)
		return err
	}); err != nil {
		return err
	}
	made, material, err := o.create(ctx, base)
	if err != nil {
		return err
	}
	names := o.fleet.Names()
	if err := o.acts(names, func(name string) error {
		return o.put(ctx, name, base, made, material)
	}); err != nil {
		return err
	}
	// Those who hold the keys first: a host that has committed may count on them.
	for _, group := range o.keepersFirst() {
		if err := o.commitBirth(ctx, group, base); err != nil {
			return err
		}
	}
	o.adopt(made)
	return nil
}

// keepersFirst are the hosts that answered: those that keep the identity, then
// all others.
func (o *Operator) keepersFirst() [2][]string {
	keepers, others := o.split(o.fleet.Names())
	return [2][]string{keepers, others}
}

func (o *Operator) commitBirth(ctx context.Context, names []string, base api.IdentityParams) error {
	base.Act = "commit"
	return o.acts(names, func(name string) error {
		o.Point("committing " + name)
		_, err := o.fleet.Members[name].Agent.Identity(ctx, base)
		o.Point("committed " + name)
		return err
	})
}

// completeBirth commits on hosts that were cut off between the two phases,
// before anything asks them to sign.
func (o *Operator) completeBirth(ctx context.Context, epoch uint64) error {
	if len(o.decision.Commit) == 0 {
		return nil
	}
	id := o.decision.Identity
	return o.commitBirth(ctx, o.decision.Commit, api.IdentityParams{Epoch: epoch, UUID: id.UUID, Cluster: id.Cluster})
}

// create has the keys made on hosts that will keep them: etcd's CA on an etcd
// host, the rest on a master. They pass through this process's memory only.
func (o *Operator) create(ctx context.Context, base api.IdentityParams) (*facts.Identity, map[string]secret.Wire, error) {
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
		result, err := o.fleet.Members[o.Inventory.With(part.role)[0].Name].Agent.Identity(ctx, params)
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
func (o *Operator) put(ctx context.Context, name string, base api.IdentityParams, made *facts.Identity, material map[string]secret.Wire) error {
	m := o.fleet.Members[name]
	params := base
	params.Act, params.Identity = "put", made
	params.Material = map[string]secret.Wire{}
	for _, item := range identity.Items(m.Host) {
		content, ok := material[item]
		if !ok {
			return fmt.Errorf("giving %s its part of the cluster's identity: nobody has %s", name, item)
		}
		params.Material[item] = content
	}
	o.Point("putting " + name)
	_, err := m.Agent.Identity(ctx, params)
	o.Point("put " + name)
	return err
}

// join gives a host the identity of an existing cluster: what it lacks is
// copied from hosts that have it.
func (o *Operator) join(ctx context.Context, name string, epoch uint64) error {
	id := o.decision.Identity
	base := api.IdentityParams{Epoch: epoch, UUID: id.UUID, Cluster: id.Cluster, CALife: o.Inventory.PKI.CALife}
	material := map[string]secret.Wire{}
	for _, item := range identity.Items(o.fleet.Members[name].Host) {
		content, err := o.export(ctx, base, item)
		if err != nil {
			return err
		}
		material[item] = content
	}
	if err := o.put(ctx, name, base, id, material); err != nil {
		return err
	}
	commit := base
	commit.Act = "commit"
	_, err := o.fleet.Members[name].Agent.Identity(ctx, commit)
	return err
}

func (o *Operator) export(ctx context.Context, base api.IdentityParams, item string) (secret.Wire, error) {
	params := base
	params.Act, params.Items = "export", []string{item}
	var last error
	for _, holder := range o.holders(item) {
		m := o.fleet.Members[holder]
		if m == nil {
			continue
		}
		result, err := m.Agent.Identity(ctx, params)
		if err == nil {
			return result.Material[item], nil
		}
		last = err
	}
	return secret.Wire{}, fmt.Errorf("copying %s of the cluster's identity: no host that has it answered: %w", item, errors.Join(last))
}

// adopt makes the new identity the one that the rest of the run works with.
func (o *Operator) adopt(made *facts.Identity) {
	o.decision.Identity = made
	for _, name := range o.fleet.Names() {
		for _, item := range identity.Items(o.fleet.Members[name].Host) {
			o.decision.Holders[item] = append(o.decision.Holders[item], name)
		}
	}
}

// acts runs do for all hosts at once and joins what failed.
func (o *Operator) acts(names []string, do func(name string) error) error {
	errs := fleet.Each(names, do)
	var list []error
	for _, name := range slices.Sorted(maps.Keys(errs)) {
		list = append(list, fmt.Errorf("host %s: %w", name, errs[name]))
	}
	return errors.Join(list...)
}
