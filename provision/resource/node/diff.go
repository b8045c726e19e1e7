package node

import (
	"maps"
	"slices"
	"strings"

	"provision/provision/resource"
)

// Diff compares the keys that are wanted, and those owned but no longer wanted.
func (Kind) Diff(_ string, want Spec, have State) []resource.Change {
	if want.Absent {
		return gone(have)
	}
	if !have.Exists {
		return append([]resource.Change{{Field: Made, New: "created", Create: true}}, created(want)...)
	}
	if want.replaces(have) {
		return append([]resource.Change{{Field: Made, Old: "of machine " + have.Machine, New: "recreated for machine " + want.Machine}}, created(want)...)
	}
	if have.Deleting != "" {
		return append([]resource.Change{{Field: Made, Old: have.held(), New: "recreated once it is gone"}}, created(want)...)
	}
	changes := diffMap("labels", want.Labels, have.Labels, have.Owned.Labels, have.Owned.Was.Labels)
	changes = append(changes, diffMap("annotations", want.Annotations, have.Annotations, have.Owned.Annotations, have.Owned.Was.Annotations)...)
	changes = append(changes, diffMap("taints", taintMap(want.Taints), taintMap(have.Taints), have.Owned.Taints, have.Owned.Was.Taints)...)
	if len(want.PodCIDRs) > 0 && !equalSets(want.PodCIDRs, have.PodCIDRs) {
		changes = append(changes, resource.Change{Field: "pod_cidrs", Old: strings.Join(have.PodCIDRs, ","), New: strings.Join(want.PodCIDRs, ",")})
	}
	changes = append(changes, unregistered(want, have)...)
	if len(changes) == 0 && !have.Owned.equal(want.owned()) {
		changes = append(changes, resource.Change{Field: "owned", Old: have.Owned.summary(), New: want.owned().summary()})
	}
	return changes
}

// unregistered are the fields that no service wrote, as the Node was made anew
// while they ran.
func unregistered(want Spec, have State) []resource.Change {
	var changes []resource.Change
	for _, field := range keys(want.Registered) {
		kind, key, _ := strings.Cut(field, ".")
		there := have.Labels
		if kind == "annotations" {
			there = have.Annotations
		}
		if _, ok := there[key]; !ok {
			changes = append(changes, resource.Change{Field: field, New: "written by " + want.Registered[field]})
		}
	}
	return changes
}

func gone(have State) []resource.Change {
	if !have.Exists {
		return nil
	}
	old := "registered"
	if have.Deleting != "" {
		old = have.held()
	}
	return []resource.Change{{Field: "node", Old: old, New: "deleted"}}
}

func created(want Spec) []resource.Change {
	changes := diffMap("labels", want.Labels, nil, nil, nil)
	changes = append(changes, diffMap("annotations", want.Annotations, nil, nil, nil)...)
	changes = append(changes, diffMap("taints", taintMap(want.Taints), nil, nil, nil)...)
	if len(want.PodCIDRs) > 0 {
		changes = append(changes, resource.Change{Field: "pod_cidrs", New: strings.Join(want.PodCIDRs, ",")})
	}
	return changes
}

func diffMap(field string, want, have map[string]string, owned []string, was map[string]string) []resource.Change {
	var changes []resource.Change
	for _, key := range keys(want) {
		if old, ok := have[key]; !ok || old != want[key] {
			changes = append(changes, resource.Change{Field: field + "." + key, Old: shown(old, ok), New: shown(want[key], true)})
		}
	}
	for _, key := range owned {
		_, wanted := want[key]
		if old, there := have[key]; there && !wanted {
			changes = append(changes, resource.Change{Field: field + "." + key, Old: shown(old, true), New: shown(was[key], hasKey(was, key))})
		}
	}
	return changes
}

// shown tells a key without value from a missing one.
func shown(value string, there bool) string {
	if there && value == "" {
		return `""`
	}
	return value
}

func (o Owned) summary() string {
	return strings.Join(slices.Concat(o.Labels, o.Annotations, o.Taints), ",")
}

func taintMap(taints []Taint) map[string]string {
	byID := make(map[string]string, len(taints))
	for _, taint := range taints {
		byID[taint.id()] = taint.Value
	}
	return byID
}

func keys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// equalSets: the order of pod ranges is IPv4 first by convention only.
func equalSets(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
