package authority

import (
	"context"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/identity"
	"provision/provision/secret"
)

// Turn is how far the rotation of an item is.
func (k *Keys) Turn(item string) facts.Turn {
	if k.Fleet.Decision.Identity == nil {
		return facts.Turn{}
	}
	return k.Fleet.Decision.Identity.Turning[item]
}

// PhaseMeans is what a phase is, in a few words.
func PhaseMeans(phase string) string {
	texts := map[string]string{
		"announced": "the new one exists; both are trusted, the old one signs",
		"trusted":   "both are trusted on all hosts; clients catch up",
		"signing":   "the new one signs, both are trusted",
		"signed":    "the new one has signed everything; waiting for what the old one signed to end",
		"dropped":   "the old one is dropped",
		"":          "done",
	}
	return texts[phase]
}

// TurnTo makes the next generation on a host that holds the item, puts it to all
// and commits it: first where the item is held, so that who is told later can
// have it, then where identities are kept, then everywhere.
func (k *Keys) TurnTo(ctx context.Context, base api.IdentityParams, item string, to facts.Turn) error {
	holders := k.Holders(item)
	rotate := base
	rotate.Act, rotate.Items, rotate.To = "rotate", []string{item}, &to
	k.Point("rotating " + item + " " + to.Phase)
	made, err := api.Identity.Call(ctx, k.Fleet.Members[holders[0]].Agent, rotate)
	if err != nil {
		return err
	}
	k.Point("rotated " + item + " " + to.Phase)
	names := k.Fleet.Names()
	if err := k.Fleet.Do(names, func(name string) error {
		if name == holders[0] {
			return nil
		}
		put := base
		put.Act, put.Identity, put.Material = "put", made.Identity, map[string]secret.Wire{}
		if slices.Contains(identity.Items(k.Fleet.Members[name].Host), item) {
			put.Material = made.Material
		}
		err := api.Identity.Do(ctx, k.Fleet.Members[name].Agent, put)
		return err
	}); err != nil {
		return err
	}
	keepers, others := k.Fleet.Split(names)
	keepers = slices.DeleteFunc(keepers, func(name string) bool { return slices.Contains(holders, name) })
	for _, group := range [][]string{holders, keepers, others} {
		if err := k.commitBirth(ctx, group, base); err != nil {
			return err
		}
	}
	return nil
}
