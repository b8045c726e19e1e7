package authority

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/event"
)

// RenewAll goes in two phases, as the birth does: killed in between, some hosts
// know the later certificate, and the next run tells the others.
func (k *Keys) RenewAll(ctx context.Context, epoch uint64, due []Authority, members []string) error {
	known := *k.Fleet.Decision.Identity
	known.CAs, known.Holds = maps.Clone(known.CAs), nil
	base := api.IdentityParams{Epoch: epoch, UUID: known.UUID, Cluster: known.Cluster, CALife: k.Fleet.Inventory.PKI.CALife}
	var names []string
	for _, a := range due {
		item := a.Name + ".key"
		renew := base
		renew.Act, renew.Items = "renew", []string{item}
		result, err := api.Identity.Call(ctx, k.Fleet.Members[k.Holders(item)[0]].Agent, renew)
		if err != nil {
			return fmt.Errorf("renewing authority %s: %w", a.Name, err)
		}
		known.CAs[a.Name] = result.Identity.CAs[a.Name]
		names = append(names, a.Name)
	}
	k.Point("authorities renewed")
	if err := k.Fleet.Do(members, func(name string) error {
		put := base
		put.Act, put.Identity = "put", &known
		err := api.Identity.Do(ctx, k.Fleet.Members[name].Agent, put)
		return err
	}); err != nil {
		return err
	}
	for _, group := range k.keepersFirst() {
		group = slices.DeleteFunc(group, func(name string) bool { return !slices.Contains(members, name) })
		if err := k.commitBirth(ctx, group, base); err != nil {
			return err
		}
	}
	k.Fleet.Emit(event.Event{Type: event.Note, Text: "Renewed: authority " + strings.Join(names, ", ")})
	return nil
}
