package release

import (
	"context"
	"fmt"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// madeLabel is on namespaces that were made for a release.
const madeLabel = "provision/made-for"

// Before implements resource.Ledgered. Releases that we installed bear a digest;
// one that has revisions without was there before, as the newest of them.
func (Kind) Before(ctx context.Context, env *cluster.Env, name string, have State) (State, error) {
	if have.Last == nil {
		return have, nil
	}
	history, err := env.Releases.History(ctx, have.Namespace, name)
	if err != nil {
		return have, fmt.Errorf("reading release %s: %w", name, err)
	}
	before := State{Namespace: have.Namespace}
	for i := range history {
		if revision := &history[i]; revision.Digest == "" {
			before.Last = revision
			if revision.Status == cluster.StatusDeployed || revision.Status == cluster.StatusSuperseded {
				before.Deployed = revision
			}
		}
	}
	return before, nil
}

// Leave implements resource.Ledgered: it lists what Restore deletes.
func (Kind) Leave(ctx context.Context, env *cluster.Env, name string, before State) ([]resource.Change, error) {
	of := before.Namespace + "/" + name
	if before.Deployed != nil {
		return []resource.Change{{Field: "release", Old: of, New: fmt.Sprintf("rolled back to revision %d, which was there before provision", before.Deployed.Number)}}, nil
	}
	installed, err := env.Releases.Installed(ctx, before.Namespace, name)
	if err != nil {
		return nil, fmt.Errorf("reading release %s: %w", name, err)
	}
	if installed == nil {
		return []resource.Change{{Field: "release", Old: of, New: "is uninstalled already"}}, nil
	}
	changes := []resource.Change{{Field: "release", Old: of, New: "uninstalled"}}
	for _, ref := range installed.Objects {
		fate := "deleted"
		if cluster.HoldsData(ref.Kind) {
			fate = "stays: data may be lost with it; delete it yourself"
		}
		changes = append(changes, resource.Change{Field: "object", Old: ref.String(), New: fate})
	}
	if made, err := madeNamespace(ctx, env, before.Namespace); err != nil {
		return nil, err
	} else if made {
		changes = append(changes, resource.Change{Field: "namespace", Old: before.Namespace, New: "deleted, unless anything else is in it"})
	}
	return changes, nil
}

// madeNamespace reports whether the namespace was made for a release.
func madeNamespace(ctx context.Context, env *cluster.Env, namespace string) (bool, error) {
	object, err := env.Objects.Get(ctx, namespaceRef(namespace))
	if err != nil {
		return false, fmt.Errorf("reading namespace %s: %w", namespace, err)
	}
	metadata, _ := object["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	return labels[madeLabel] != nil, nil
}

func namespaceRef(name string) cluster.Ref {
	return cluster.Ref{APIVersion: "v1", Kind: "Namespace", Name: name}
}

// leaveNamespace deletes a namespace that was made for a release and is empty.
func leaveNamespace(ctx context.Context, env *cluster.Env, namespace string) error {
	made, err := madeNamespace(ctx, env, namespace)
	if err != nil || !made {
		return err
	}
	occupied, err := cluster.Occupied(ctx, env, namespace)
	if err != nil {
		return err
	}
	if occupied != "" {
		env.Report(fmt.Sprintf("namespace %s stays: %s", namespace, occupied))
		return nil
	}
	if err := env.Objects.Delete(ctx, namespaceRef(namespace)); err != nil {
		return fmt.Errorf("deleting namespace %s: %w", namespace, err)
	}
	return nil
}
