package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// Kind handles Nodes.
type Kind struct{}

// New returns the catalogue entry.
func New() resource.Kind[*cluster.Env] { return resource.Erase[*cluster.Env, Spec, State](Kind{}) }

// Name implements resource.Typed.
func (Kind) Name() string { return Name }

// RefOf names the Node of a host.
func RefOf(name string) cluster.Ref { return ref(name) }

// Ours reports whether a Node was made by provision.
func Ours(object cluster.Object) bool {
	state, err := read("", object)
	return err == nil && state.Annotations[OwnedAnnotation] != ""
}

func ref(name string) cluster.Ref { return cluster.Ref{APIVersion: "v1", Kind: "Node", Name: name} }

// live is the part of a Node that is read here.
type live struct {
	Metadata struct {
		ResourceVersion string            `json:"resourceVersion"`
		Labels          map[string]string `json:"labels"`
		Annotations     map[string]string `json:"annotations"`
		Deleting        string            `json:"deletionTimestamp"`
		Finalizers      []string          `json:"finalizers"`
	} `json:"metadata"`
	Spec struct {
		PodCIDRs []string `json:"podCIDRs"`
		Taints   []Taint  `json:"taints"`
	} `json:"spec"`
	Status struct {
		NodeInfo struct {
			MachineID string `json:"machineID"`
		} `json:"nodeInfo"`
	} `json:"status"`
}

// Observe reads the Node.
func (Kind) Observe(ctx context.Context, env *cluster.Env, name string, _ Spec) (State, error) {
	object, err := env.Objects.Get(ctx, ref(name))
	if err != nil {
		return State{}, fmt.Errorf("reading Node %s: %w", name, err)
	}
	return read(name, object)
}

func read(name string, object cluster.Object) (State, error) {
	if object == nil {
		return State{}, nil
	}
	var node live
	if err := cluster.Decode(object, &node); err != nil {
		return State{}, fmt.Errorf("reading Node %s: %w", name, err)
	}
	state := State{
		Exists: true, ResourceVersion: node.Metadata.ResourceVersion,
		Labels: node.Metadata.Labels, Annotations: node.Metadata.Annotations,
		Taints: node.Spec.Taints, PodCIDRs: node.Spec.PodCIDRs,
		Machine:  node.Status.NodeInfo.MachineID,
		Deleting: node.Metadata.Deleting, Finalizers: node.Metadata.Finalizers,
	}
	if text, ok := state.Annotations[OwnedAnnotation]; ok {
		// A record that cannot be read is as good as none: it is written anew.
		_ = json.Unmarshal([]byte(text), &state.Owned)
	}
	return state, nil
}

// Apply creates the Node, or changes what it must have, in one write; or it
// deletes it.
func (k Kind) Apply(ctx context.Context, env *cluster.Env, name string, want Spec) error {
	if want.Absent {
		if err := env.Objects.Delete(ctx, ref(name)); err != nil {
			return fmt.Errorf("deleting Node %s: %w", name, err)
		}
		return nil
	}
	const attempts = 5 // kubelets and controllers write Nodes too
	for attempt := 1; ; attempt++ {
		have, err := k.Observe(ctx, env, name, want)
		if err != nil {
			return err
		}
		if want.replaces(have) || have.Deleting != "" {
			if err := forget(ctx, env, name); err != nil {
				return err
			}
			have = State{}
		}
		if err := checkPodCIDRs(name, want, have); err != nil {
			return err
		}
		switch {
		case !have.Exists:
			err = env.Objects.Create(ctx, fresh(name, want))
		case len(k.Diff(name, want, have)) > 0:
			err = env.Objects.Merge(ctx, ref(name), patch(want, have))
		}
		moved := errors.Is(err, cluster.ErrExists) || errors.Is(err, cluster.ErrConflict)
		if err == nil {
			return nil
		}
		if !moved || attempt == attempts {
			return fmt.Errorf("writing Node %s: %w", name, err)
		}
	}
}

// forget deletes the Node of a machine that is gone, or that is being deleted
// already, and the lease by which it said that it lives. A host never joins on a
// Node that goes under it.
func forget(ctx context.Context, env *cluster.Env, name string) error {
	lease := cluster.Ref{APIVersion: "coordination.k8s.io/v1", Kind: "Lease", Namespace: "kube-node-lease", Name: name}
	for _, each := range []cluster.Ref{ref(name), lease} {
		if err := env.Objects.Delete(ctx, each); err != nil {
			return fmt.Errorf("deleting the former %s: %w", each, err)
		}
	}
	return nil
}

// replaces reports whether another machine than the wanted one reported to the
// Node.
func (s Spec) replaces(have State) bool {
	return s.Machine != "" && have.Machine != "" && s.Machine != have.Machine
}

// Restore deletes a Node that was not there, or gives the keys that were
// changed their former values.
func (k Kind) Restore(ctx context.Context, env *cluster.Env, name string, before State) error {
	if !before.Exists {
		if err := env.Objects.Delete(ctx, ref(name)); err != nil {
			return fmt.Errorf("deleting Node %s: %w", name, err)
		}
		return nil
	}
	have, err := k.Observe(ctx, env, name, Spec{})
	if err != nil || !have.Exists {
		return err
	}
	if err := env.Objects.Merge(ctx, ref(name), undo(before, have)); err != nil {
		return fmt.Errorf("restoring Node %s: %w", name, err)
	}
	return nil
}

func checkPodCIDRs(name string, want Spec, have State) error {
	if len(want.PodCIDRs) == 0 || len(have.PodCIDRs) == 0 || equalSets(want.PodCIDRs, have.PodCIDRs) {
		return nil
	}
	return fmt.Errorf("cannot give Node %s the pod ranges %v: it has %v, and Kubernetes never changes them; "+
		"drain it, run \"kubectl delete node %s\" and apply again, or take the old ranges", name, want.PodCIDRs, have.PodCIDRs, name)
}
