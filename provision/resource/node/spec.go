package node

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Name is the kind's name in addresses.
const Name = "node"

// Made is the field of a change that makes the Node, or makes it anew.
const Made = "node"

// OwnedAnnotation records which keys of a Node this kind has set.
const OwnedAnnotation = "provision/owned"

// ControlPlane is the label of masters, and the key of the taint of those that
// are masters only.
const ControlPlane = "node-role.kubernetes.io/control-plane"

// Taint keeps pods away.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"`
}

func (t Taint) id() string { return t.Key + ":" + t.Effect }

// Spec says what a Node must have. The resource's name is the Node's.
type Spec struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Taints      []Taint           `json:"taints,omitempty"`
	// PodCIDRs can be set once only in a Node's life.
	PodCIDRs []string `json:"pod_cidrs,omitempty"`
	// Machine is the id of a machine that is new under this name. A Node that
	// another machine reported to is made anew: what it says of volumes, images
	// and addresses is of a machine that is gone.
	Machine string `json:"machine,omitempty"`
	// Registered are the fields, as Diff names them, that services of the host
	// write when they start and find the Node, and never again; with the unit of
	// each. Apply does not write them: the unit must start anew.
	Registered map[string]string `json:"registered,omitempty"`
	// Absent wants no Node of this name; nothing else may be given then.
	Absent bool `json:"absent,omitempty"`
}

// State is what a Node has.
type State struct {
	Exists          bool              `json:"exists"`
	ResourceVersion string            `json:"-"` // of the read; moves with every heartbeat
	Labels          map[string]string `json:"labels,omitempty"`
	Annotations     map[string]string `json:"annotations,omitempty"`
	Taints          []Taint           `json:"taints,omitempty"`
	PodCIDRs        []string          `json:"pod_cidrs,omitempty"`
	Machine         string            `json:"machine,omitempty"` // that reported to it last
	Owned           Owned             `json:"owned"`
	// Deleting is since when it is being deleted; Finalizers hold it then.
	Deleting   string   `json:"deleting,omitempty"`
	Finalizers []string `json:"finalizers,omitempty"`
}

// held says that a Node is being deleted.
func (s State) held() string {
	text := "being deleted since " + s.Deleting
	if len(s.Finalizers) > 0 {
		text += ", held by " + strings.Join(s.Finalizers, ", ")
	}
	return text
}

// Owned lists the keys that this kind has set; taints as KEY:EFFECT. Sorted.
type Owned struct {
	Labels      []string `json:"labels,omitempty"`
	Annotations []string `json:"annotations,omitempty"`
	Taints      []string `json:"taints,omitempty"`
	// Was are the values of owned keys that were there before.
	Was Was `json:"was,omitzero"`
}

// Was are values by key; taints by KEY:EFFECT.
type Was struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Taints      map[string]string `json:"taints,omitempty"`
}

// since is what was there before, for keys that will be owned: what is known of
// those that are owned already, and the values of others. One that is as wanted
// counts as ours: the record may be lost, or the kubelet have made the Node.
func (s Spec) since(have State) Was {
	former := func(want map[string]string, have map[string]string, owned []string, was map[string]string) map[string]string {
		out := map[string]string{}
		for key := range want {
			old, there := have[key]
			there = there && old != want[key]
			if slices.Contains(owned, key) {
				old, there = was[key], hasKey(was, key)
			}
			if there {
				out[key] = old
			}
		}
		return out
	}
	owned := have.Owned
	return Was{
		Labels:      former(s.Labels, have.Labels, owned.Labels, owned.Was.Labels),
		Annotations: former(s.Annotations, have.Annotations, owned.Annotations, owned.Was.Annotations),
		Taints:      former(taintMap(s.Taints), taintMap(have.Taints), owned.Taints, owned.Was.Taints),
	}
}

func hasKey(m map[string]string, key string) bool {
	_, ok := m[key]
	return ok
}

func (s Spec) owned() Owned {
	owned := Owned{Labels: keys(s.Labels), Annotations: keys(s.Annotations)}
	for _, taint := range s.Taints {
		owned.Taints = append(owned.Taints, taint.id())
	}
	slices.Sort(owned.Taints)
	return owned
}

func (o Owned) equal(other Owned) bool {
	return slices.Equal(o.Labels, other.Labels) && slices.Equal(o.Annotations, other.Annotations) &&
		slices.Equal(o.Taints, other.Taints)
}

// Check validates a spec.
func (Kind) Check(name string, want Spec) error {
	if name == "" || strings.ContainsAny(name, "/ ") {
		return fmt.Errorf("%q is no name of a Node", name)
	}
	if want.Absent && len(want.Labels)+len(want.Annotations)+len(want.Taints)+len(want.PodCIDRs) > 0 {
		return errors.New("a Node that is to be absent has no labels, annotations, taints or pod ranges")
	}
	seen := map[string]bool{}
	for _, taint := range want.Taints {
		if taint.Key == "" || !slices.Contains([]string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, taint.Effect) {
			return fmt.Errorf("taint %q has effect %q; use NoSchedule, PreferNoSchedule or NoExecute", taint.Key, taint.Effect)
		}
		if seen[taint.id()] {
			return fmt.Errorf("taint %s is given twice", taint.id())
		}
		seen[taint.id()] = true
	}
	for _, cidr := range want.PodCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return fmt.Errorf("reading pod range: %w", err)
		}
		if prefix != prefix.Masked() {
			return fmt.Errorf("pod range %s has host bits set; write %s", cidr, prefix.Masked())
		}
	}
	if len(want.PodCIDRs) > 2 {
		return errors.New("a Node has at most two pod ranges, one of each IP version")
	}
	if _, taken := want.Annotations[OwnedAnnotation]; taken {
		return fmt.Errorf("annotation %s is kept by provision itself", OwnedAnnotation)
	}
	return nil
}
