package object

import (
	"context"
	"fmt"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// Before implements resource.Ledgered: an object of whose fields nobody else
// wrote any was made by us.
func (Kind) Before(ctx context.Context, env *cluster.Env, _ string, have State) (State, error) {
	if have.Object == nil {
		return have, nil
	}
	live, err := env.Objects.Get(ctx, have.Ref) // State has no managers
	if err != nil {
		return have, fmt.Errorf("reading %s: %w", have.Ref, err)
	}
	if live == nil || cluster.OnlyOurs(live) {
		return State{Ref: have.Ref}, nil
	}
	have.Dropped = nil
	return have, nil
}

// Leave implements resource.Ledgered.
func (Kind) Leave(ctx context.Context, env *cluster.Env, _ string, before State) ([]resource.Change, error) {
	ref := before.Ref.String()
	live, err := env.Objects.Get(ctx, before.Ref)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	case before.Object != nil && live == nil:
		return []resource.Change{{Field: "object", Old: "none", New: "as it was before provision"}}, nil
	case before.Object != nil:
		return []resource.Change{{Field: "object", Old: ref, New: "as it was before provision"}}, nil
	case live == nil:
		return []resource.Change{{Field: "object", Old: ref, New: "is deleted already"}}, nil
	}
	why, err := stays(ctx, env, before.Ref)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return []resource.Change{{Field: "object", Old: ref, New: "stays: " + why}}, resource.ErrIrreversible
	}
	return []resource.Change{{Field: "object", Old: ref, New: "deleted"}}, nil
}

// stays says why an object is not deleted; "" when it is.
func stays(ctx context.Context, env *cluster.Env, ref cluster.Ref) (string, error) {
	switch {
	case ref.Kind == "Namespace" && ref.APIVersion == "v1":
		return cluster.Occupied(ctx, env, ref.Name)
	case cluster.HoldsData(ref.Kind):
		return "data may be lost with it; delete it yourself", nil
	}
	return "", nil
}
