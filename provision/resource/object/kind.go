package object

import (
	"context"
	"fmt"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// Kind handles Kubernetes objects.
type Kind struct{}

// New returns the catalogue entry.
func New() resource.Kind[*cluster.Env] { return resource.Erase[*cluster.Env, Spec, State](Kind{}) }

// Name implements resource.Typed.
func (Kind) Name() string { return Name }

// Observe reads the object.
func (Kind) Observe(ctx context.Context, env *cluster.Env, _ string, want Spec) (State, error) {
	ref, err := refOf(want.Object)
	if err != nil {
		return State{}, err
	}
	object, err := env.Objects.Get(ctx, ref)
	if err != nil {
		return State{}, fmt.Errorf("reading %s: %w", ref, err)
	}
	state := State{Object: pruned(object), Ref: ref}
	if applied(object) != digest(want.Object) {
		state.Dropped = dropped(want.Object, object)
	}
	return state, nil
}

// Apply writes the manifest by server-side apply, unless it is there already.
func (k Kind) Apply(ctx context.Context, env *cluster.Env, name string, want Spec) error {
	have, err := k.Observe(ctx, env, name, want)
	if err != nil || len(k.Diff(name, want, have)) == 0 {
		return err
	}
	if err := env.Objects.Apply(ctx, stamped(want.Object)); err != nil {
		return fmt.Errorf("applying %s: %w", have.Ref, err)
	}
	return nil
}

// Restore deletes an object that was not there, or writes back the fields of
// the one that was. Fields added by the apply go with the ownership of them. What
// holds data stays, and so does a namespace with anything in it.
func (Kind) Restore(ctx context.Context, env *cluster.Env, _ string, before State) error {
	if before.Object == nil {
		if stays, err := stays(ctx, env, before.Ref); err != nil {
			return err
		} else if stays != "" {
			env.Report(fmt.Sprintf("%s stays: %s", before.Ref, stays))
			return resource.ErrIrreversible
		}
		if err := env.Objects.Delete(ctx, before.Ref); err != nil {
			return fmt.Errorf("deleting %s: %w", before.Ref, err)
		}
		return nil
	}
	if err := env.Objects.Apply(ctx, before.Object); err != nil {
		return fmt.Errorf("restoring %s: %w", before.Ref, err)
	}
	return nil
}

// pruned drops what the API server keeps for itself: it moves on its own and
// cannot be written back.
func pruned(object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	out := shallow(object)
	delete(out, "status")
	metadata := shallow(asMap(out["metadata"]))
	for _, field := range []string{"resourceVersion", "uid", "generation", "creationTimestamp", "managedFields", "selfLink"} {
		delete(metadata, field)
	}
	out["metadata"] = metadata
	return out
}
