package drain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// defaultTimeout is for pods that end slowly and budgets that are tight.
const defaultTimeout = 5 * time.Minute

// Kind handles drains.
type Kind struct{}

// New returns the catalogue entry.
func New() resource.Kind[*cluster.Env] { return resource.Erase[*cluster.Env, Spec, State](Kind{}) }

// Name implements resource.Typed.
func (Kind) Name() string { return Name }

// Ref names a Node.
func Ref(name string) cluster.Ref { return cluster.Ref{APIVersion: "v1", Kind: "Node", Name: name} }

// Observe reads the Node and the pods that would be evicted.
func (Kind) Observe(ctx context.Context, env *cluster.Env, name string, want Spec) (State, error) {
	object, err := env.Objects.Get(ctx, Ref(name))
	if err != nil {
		return State{}, fmt.Errorf("reading Node %s: %w", name, err)
	}
	state, err := Read(name, object)
	if err != nil || !state.Exists || want.Stay {
		return state, err
	}
	state.Pods, state.Unmanaged, err = env.Pods.Evictable(ctx, name)
	return state, err
}

// Apply cordons the Node, then evicts. Killed in between it leaves a cordoned
// Node, and the next run goes on.
func (k Kind) Apply(ctx context.Context, env *cluster.Env, name string, want Spec) error {
	have, err := k.Observe(ctx, env, name, want)
	if err != nil || !have.Exists {
		return err
	}
	stay := want.ReadyOnly && !have.Ready
	if len(have.Unmanaged) > 0 && !want.Unmanaged && !stay {
		return fmt.Errorf("cannot drain Node %s: no controller would recreate these pods: %s; move or delete them, or evict them anyway (--force; in an apply rollout { evict_unmanaged = true }), then run this again",
			name, count(have.Unmanaged))
	}
	if !have.Cordoned {
		if err := env.Objects.Merge(ctx, Ref(name), cordoned(true, want.Rollout)); err != nil {
			return fmt.Errorf("cordoning Node %s: %w", name, err)
		}
	}
	if want.Stay {
		return nil
	}
	if stay {
		env.Report(fmt.Sprintf("Node %s is not Ready, so its pods cannot be ended; it was only cordoned", name))
		return nil
	}
	timeout := want.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	err = env.Pods.Drain(ctx, name, cluster.Drain{Unmanaged: want.Unmanaged, Timeout: timeout, Progress: env.Report})
	if err == nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	left, _, _ := env.Pods.Evictable(ctx, name) // only to say more
	return fmt.Errorf("cannot drain Node %s within %s: %w; still there: %s. It stays cordoned; look at their PodDisruptionBudgets (kubectl get pdb -A), then run this again",
		name, timeout, err, count(left))
}

// cordoned is the patch that cordons or uncordons.
func cordoned(yes, rollout bool) cluster.Object {
	var mark any
	switch {
	case yes && rollout:
		mark = byRollout
	case yes:
		mark = byOperator
	}
	return cluster.Object{
		"metadata": cluster.Object{"annotations": cluster.Object{CordonedAnnotation: mark}},
		"spec":     cluster.Object{"unschedulable": yes},
	}
}

// Cordon keeps pods off the Node until an operator says otherwise.
func Cordon(ctx context.Context, env *cluster.Env, name string) error {
	if err := env.Objects.Merge(ctx, Ref(name), cordoned(true, false)); err != nil {
		return fmt.Errorf("cordoning Node %s: %w", name, err)
	}
	return nil
}

// Uncordon makes the Node take pods again.
func Uncordon(ctx context.Context, env *cluster.Env, name string) error {
	if err := env.Objects.Merge(ctx, Ref(name), cordoned(false, false)); err != nil {
		return fmt.Errorf("uncordoning Node %s: %w", name, err)
	}
	return nil
}

// Restore uncordons a Node that was schedulable before.
func (k Kind) Restore(ctx context.Context, env *cluster.Env, name string, before State) error {
	if before.Cordoned || !before.Exists {
		return nil
	}
	object, err := env.Objects.Get(ctx, Ref(name))
	if err != nil || object == nil {
		return err
	}
	return Uncordon(ctx, env, name)
}
