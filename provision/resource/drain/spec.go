package drain

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// Name is the kind's name in addresses.
const Name = "drain"

// CordonedAnnotation marks a Node that provision cordoned, so that it does not
// uncordon one that a person did.
const CordonedAnnotation = "provision/cordoned"

// What the annotation says: who wants the Node cordoned.
const (
	byOperator = "drained"
	byRollout  = "rollout"
)

// IsolatedTaint is the key of the taint of Nodes that an operator isolated.
const IsolatedTaint = "provision/isolated"

// Spec says how the Node is emptied.
type Spec struct {
	// Unmanaged evicts pods that have no controller, too; else they are an error.
	Unmanaged bool `json:"unmanaged,omitempty"`
	// Timeout bounds the wait for evictions; five minutes if 0.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Stay evicts nothing: the Node only takes no more pods.
	Stay bool `json:"stay,omitempty"`
	// ReadyOnly leaves the pods of a Node that is not Ready: its kubelet would
	// not end them, and the change that waits for it may be what fixes it.
	ReadyOnly bool `json:"ready_only,omitempty"`
	// Rollout: a change of the host needs it. The run that ends the change, be it
	// a later one, lets pods in again.
	Rollout bool `json:"rollout,omitempty"`
}

// State is what the Node has.
type State struct {
	Exists    bool          `json:"exists"`
	Ready     bool          `json:"ready"`
	Cordoned  bool          `json:"cordoned"`          // unschedulable, whoever made it so
	Ours      bool          `json:"ours"`              // cordoned by this kind
	Rollout   bool          `json:"rollout,omitempty"` // and for a change of the host
	Isolated  bool          `json:"isolated,omitempty"`
	Pods      []cluster.Pod `json:"pods,omitempty"`
	Unmanaged []cluster.Pod `json:"unmanaged,omitempty"`
}

// Check validates a spec.
func (Kind) Check(name string, want Spec) error {
	if name == "" || strings.ContainsAny(name, "/ ") {
		return fmt.Errorf("%q is no name of a Node", name)
	}
	if want.Timeout < 0 {
		return errors.New("a drain's timeout cannot be negative")
	}
	return nil
}

// Diff says what is left to do.
func (Kind) Diff(_ string, _ Spec, have State) []resource.Change {
	if !have.Exists {
		return nil
	}
	var changes []resource.Change
	if !have.Cordoned {
		changes = append(changes, resource.Change{Field: "schedulable", Old: "yes", New: "no"})
	}
	if len(have.Pods) > 0 {
		changes = append(changes, resource.Change{Field: "pods", Old: count(have.Pods), New: "evicted"})
	}
	return changes
}

// shownPods bounds how many pods a change names.
const shownPods = 5

// Names lists pods for people, a few by name and the others by number.
func Names(pods []cluster.Pod) string { return count(pods) }

func count(pods []cluster.Pod) string {
	names := make([]string, 0, shownPods)
	for _, pod := range pods[:min(len(pods), shownPods)] {
		names = append(names, pod.String())
	}
	text := strings.Join(names, ", ")
	if more := len(pods) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// live is the part of a Node that is read here.
type live struct {
	Metadata struct {
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Unschedulable bool `json:"unschedulable"`
		Taints        []struct {
			Key string `json:"key"`
		} `json:"taints"`
	} `json:"spec"`
	Status struct {
		Conditions []struct{ Type, Status string } `json:"conditions"`
	} `json:"status"`
}

// Read tells whether a Node is cordoned, and by whom.
func Read(name string, object cluster.Object) (State, error) {
	if object == nil {
		return State{}, nil
	}
	var node live
	if err := cluster.Decode(object, &node); err != nil {
		return State{}, fmt.Errorf("reading Node %s: %w", name, err)
	}
	mark, ours := node.Metadata.Annotations[CordonedAnnotation]
	state := State{Exists: true, Cordoned: node.Spec.Unschedulable, Ours: ours, Rollout: mark == byRollout}
	for _, c := range node.Status.Conditions {
		state.Ready = state.Ready || c.Type == "Ready" && c.Status == "True"
	}
	for _, taint := range node.Spec.Taints {
		state.Isolated = state.Isolated || taint.Key == IsolatedTaint
	}
	return state, nil
}
