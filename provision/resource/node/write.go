package node

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"provision/provision/cluster"
)

// fresh is a whole new Node.
func fresh(name string, want Spec) cluster.Object {
	annotations := map[string]any{OwnedAnnotation: record(want.owned())}
	for key, value := range want.Annotations {
		annotations[key] = value
	}
	object := cluster.Object{
		"apiVersion": "v1", "kind": "Node",
		"metadata": cluster.Object{"name": name, "labels": values(want.Labels), "annotations": annotations},
	}
	spec := cluster.Object{}
	if len(want.PodCIDRs) > 0 {
		spec["podCIDR"], spec["podCIDRs"] = want.PodCIDRs[0], list(want.PodCIDRs)
	}
	if len(want.Taints) > 0 {
		spec["taints"] = taintList(want.Taints)
	}
	if len(spec) > 0 {
		object["spec"] = spec
	}
	return object
}

// patch changes what differs. It is conditional on the version that was read,
// because taints can only be written as a whole list.
func patch(want Spec, have State) cluster.Object {
	owned := want.owned()
	owned.Was = want.since(have)
	annotations := replace(want.Annotations, have.Annotations, have.Owned.Annotations, have.Owned.Was.Annotations)
	annotations[OwnedAnnotation] = record(owned)
	object := cluster.Object{"metadata": cluster.Object{
		"resourceVersion": have.ResourceVersion,
		"labels":          replace(want.Labels, have.Labels, have.Owned.Labels, have.Owned.Was.Labels),
		"annotations":     annotations,
	}}
	spec := cluster.Object{}
	if len(want.PodCIDRs) > 0 && len(have.PodCIDRs) == 0 {
		spec["podCIDR"], spec["podCIDRs"] = want.PodCIDRs[0], list(want.PodCIDRs)
	}
	taints := mergeTaints(append(have.former(want), want.Taints...), have.Taints, have.Owned.Taints)
	if !maps.Equal(taintMap(taints), taintMap(have.Taints)) {
		spec["taints"] = taintList(taints)
	}
	if len(spec) > 0 {
		object["spec"] = spec
	}
	return object
}

// undo gives every owned key its former value, or removes it.
func undo(before, have State) cluster.Object {
	annotations := restore(before.Annotations, have.Owned.Annotations)
	annotations[OwnedAnnotation] = nil
	if text, ok := before.Annotations[OwnedAnnotation]; ok {
		annotations[OwnedAnnotation] = text
	}
	var former []Taint
	for _, taint := range before.Taints {
		if slices.Contains(have.Owned.Taints, taint.id()) {
			former = append(former, taint)
		}
	}
	return cluster.Object{
		"metadata": cluster.Object{
			"resourceVersion": have.ResourceVersion,
			"labels":          restore(before.Labels, have.Owned.Labels),
			"annotations":     annotations,
		},
		"spec": cluster.Object{"taints": taintList(mergeTaints(former, have.Taints, have.Owned.Taints))},
	}
}

// former are the taints that are owned, no longer wanted, and were there before.
func (s State) former(want Spec) []Taint {
	wanted := taintMap(want.Taints)
	var list []Taint
	for _, id := range keys(s.Owned.Was.Taints) {
		if key, effect, ok := strings.Cut(id, ":"); ok && !hasKey(wanted, id) && slices.Contains(s.Owned.Taints, id) {
			list = append(list, Taint{Key: key, Value: s.Owned.Was.Taints[id], Effect: effect})
		}
	}
	return list
}

// replace is the merge patch of a map: wanted values, and for what is owned,
// there and no longer wanted the value that was there before, or null.
func replace(want, have map[string]string, owned []string, was map[string]string) map[string]any {
	out := values(want)
	for _, key := range owned {
		if !hasKey(have, key) || hasKey(want, key) {
			continue
		}
		out[key] = nil
		if old, ok := was[key]; ok {
			out[key] = old
		}
	}
	return out
}

func restore(before map[string]string, owned []string) map[string]any {
	out := map[string]any{}
	for _, key := range owned {
		out[key] = nil
		if value, ok := before[key]; ok {
			out[key] = value
		}
	}
	return out
}

// mergeTaints keeps the taints of others, in their order.
func mergeTaints(want, have []Taint, owned []string) []Taint {
	wanted := taintMap(want)
	var merged []Taint
	for _, taint := range have {
		_, ours := wanted[taint.id()]
		if !ours && !slices.Contains(owned, taint.id()) {
			merged = append(merged, taint)
		}
	}
	return append(merged, want...)
}

func taintList(taints []Taint) []any {
	out := make([]any, 0, len(taints))
	for _, taint := range taints {
		entry := map[string]any{"key": taint.Key, "effect": taint.Effect}
		if taint.Value != "" {
			entry["value"] = taint.Value
		}
		out = append(out, entry)
	}
	return out
}

func record(owned Owned) string {
	raw, _ := json.Marshal(owned) // strings only: cannot fail
	return string(raw)
}

func values(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}

func list(items []string) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item
	}
	return out
}
