package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// Kind handles Helm releases.
type Kind struct{}

// New returns the catalogue entry.
func New() resource.Kind[*cluster.Env] { return resource.Erase[*cluster.Env, Spec, State](Kind{}) }

// Name implements resource.Typed.
func (Kind) Name() string { return Name }

// Observe reads the release's history, what is to be upgraded, and the objects
// that the release made.
func (k Kind) Observe(ctx context.Context, env *cluster.Env, name string, want Spec) (State, error) {
	state, err := observe(ctx, env, want.Namespace, name)
	if err != nil {
		return state, err
	}
	if state.Last == nil || state.Last.Status != cluster.StatusDeployed {
		return state, nil
	}
	if state.Last.Digest != want.Digest() {
		if state.Installed, err = env.Releases.Installed(ctx, want.Namespace, name); err != nil {
			return state, err
		}
	}
	state.Drift, err = drift(ctx, env, name, want, state.Installed)
	return state, err
}

func observe(ctx context.Context, env *cluster.Env, namespace, name string) (State, error) {
	history, err := env.Releases.History(ctx, namespace, name)
	if err != nil {
		return State{}, fmt.Errorf("reading release %s: %w", name, err)
	}
	state := State{Namespace: namespace}
	for i := range history {
		revision := &history[i]
		state.Last = revision
		// A superseded revision did work once, so it can be gone back to.
		if revision.Status == cluster.StatusDeployed || revision.Status == cluster.StatusSuperseded {
			state.Deployed = revision
		}
	}
	return state, nil
}

// Apply installs or upgrades, after clearing away what a killed run left.
func (k Kind) Apply(ctx context.Context, env *cluster.Env, name string, want Spec) error {
	have, err := k.Observe(ctx, env, name, want)
	if err != nil {
		return err
	}
	if have.Last == nil && want.CreateNamespace {
		if err := ensureNamespace(ctx, env, want.Namespace); err != nil {
			return err
		}
	}
	if have, err = settle(ctx, env, name, want, have); err != nil {
		return err
	}
	chart := want.chart(name)
	chart.Progress = env.Report
	switch {
	case have.Last == nil:
		if err := env.Releases.Install(ctx, chart); err != nil {
			return fmt.Errorf("installing release %s: %w", name, err)
		}
	case len(k.Diff(name, want, have)) > 0:
		if err := env.Releases.Upgrade(ctx, chart); err != nil {
			return fmt.Errorf("upgrading release %s: %w", name, err)
		}
	default:
		return nil
	}
	return k.recorded(ctx, env, name, want)
}

// recorded makes sure that Helm wrote down its success: it only logs when that
// very last write fails.
func (k Kind) recorded(ctx context.Context, env *cluster.Env, name string, want Spec) error {
	have, err := observe(ctx, env, want.Namespace, name)
	if err != nil {
		return err
	}
	if changes := k.Diff(name, want, have); len(changes) > 0 {
		return fmt.Errorf("cannot record that release %s is deployed: its status is %s; apply again", name, have.status())
	}
	return nil
}

// settle brings a release that was left half-way into a state from which Helm
// can go on: rolled back to what worked, or uninstalled when nothing ever did.
func settle(ctx context.Context, env *cluster.Env, name string, want Spec, have State) (State, error) {
	if have.Last == nil || have.Last.Status == cluster.StatusDeployed {
		return have, nil
	}
	if have.Deployed == nil {
		env.Report(fmt.Sprintf("uninstalling release %s, which was left %s", name, have.Last.Status))
		if err := env.Releases.Uninstall(ctx, want.Namespace, name, want.timeout()); err != nil {
			return have, fmt.Errorf("uninstalling release %s, left %s: %w", name, have.Last.Status, err)
		}
		return State{Namespace: want.Namespace}, nil
	}
	if have.Last.Status == cluster.StatusFailed {
		return have, nil // Helm upgrades from a failed revision
	}
	env.Report(fmt.Sprintf("rolling back release %s, which was left %s", name, have.Last.Status))
	if err := env.Releases.Rollback(ctx, want.Namespace, name, have.Deployed.Number, want.timeout()); err != nil {
		return have, fmt.Errorf("rolling back release %s, left %s: %w", name, have.Last.Status, err)
	}
	return observe(ctx, env, want.Namespace, name)
}

// Restore uninstalls a release that was not there, with the namespace that was
// made for it if nothing else is in there, or rolls back to the revision that was.
func (Kind) Restore(ctx context.Context, env *cluster.Env, name string, before State) error {
	const timeout = 5 * time.Minute
	have, err := observe(ctx, env, before.Namespace, name)
	if err != nil {
		return err
	}
	switch {
	case before.Deployed == nil && have.Last == nil:
		return leaveNamespace(ctx, env, before.Namespace)
	case before.Deployed == nil:
		if err = env.Releases.Uninstall(ctx, before.Namespace, name, timeout); err == nil {
			return leaveNamespace(ctx, env, before.Namespace)
		}
	case have.Last != nil && have.Last.Status == cluster.StatusDeployed && have.Last.Digest == before.Deployed.Digest:
		return nil
	default:
		err = env.Releases.Rollback(ctx, before.Namespace, name, before.Deployed.Number, timeout)
	}
	if err != nil {
		return fmt.Errorf("restoring release %s: %w", name, err)
	}
	return nil
}

func ensureNamespace(ctx context.Context, env *cluster.Env, namespace string) error {
	err := env.Objects.Create(ctx, cluster.Object{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": cluster.Object{"name": namespace, "labels": cluster.Object{madeLabel: "release"}},
	})
	if err != nil && !errors.Is(err, cluster.ErrExists) {
		return fmt.Errorf("creating namespace %s: %w", namespace, err)
	}
	return nil
}
