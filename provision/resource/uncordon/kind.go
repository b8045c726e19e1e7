package uncordon

import (
	"context"
	"fmt"
	"strings"

	"provision/provision/cluster"
	"provision/provision/resource"
	"provision/provision/resource/drain"
)

// Name is the kind's name in addresses.
const Name = "uncordon"

// Spec says which Nodes are left as they are.
type Spec struct {
	// Isolated: a Node that is isolated takes pods again, too, because it
	// recovers. Others stay cordoned while they are isolated.
	Isolated bool `json:"isolated,omitempty"`
	// Rollout: only Nodes that were cordoned for a change of their host take pods
	// again; what an operator asked for stays.
	Rollout bool `json:"rollout,omitempty"`
}

// Kind handles it.
type Kind struct{}

// New returns the catalogue entry.
func New() resource.Kind[*cluster.Env] {
	return resource.Erase[*cluster.Env, Spec, drain.State](Kind{})
}

// Name implements resource.Typed.
func (Kind) Name() string { return Name }

// Check validates the name.
func (Kind) Check(name string, _ Spec) error {
	if name == "" || strings.ContainsAny(name, "/ ") {
		return fmt.Errorf("%q is no name of a Node", name)
	}
	return nil
}

// Observe reads the Node.
func (Kind) Observe(ctx context.Context, env *cluster.Env, name string, _ Spec) (drain.State, error) {
	object, err := env.Objects.Get(ctx, drain.Ref(name))
	if err != nil {
		return drain.State{}, fmt.Errorf("reading Node %s: %w", name, err)
	}
	return drain.Read(name, object)
}

// Diff is empty unless provision cordoned the Node.
func (Kind) Diff(_ string, want Spec, have drain.State) []resource.Change {
	if !have.Exists || !have.Ours || have.Isolated && !want.Isolated || want.Rollout && !have.Rollout {
		return nil
	}
	return []resource.Change{{Field: "schedulable", Old: "no", New: "yes"}}
}

// Apply uncordons.
func (k Kind) Apply(ctx context.Context, env *cluster.Env, name string, want Spec) error {
	have, err := k.Observe(ctx, env, name, want)
	if err != nil || len(k.Diff(name, want, have)) == 0 {
		return err
	}
	return drain.Uncordon(ctx, env, name)
}

// Restore has nothing to put back: to cordon is a drain's.
func (Kind) Restore(context.Context, *cluster.Env, string, drain.State) error { return nil }
