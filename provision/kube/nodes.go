package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func nodes() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
}

// NodesReady waits until all the named Nodes are Ready. Progress, if not nil, is
// told each time with the Nodes that are waited for and the reason they give.
func (c *Client) NodesReady(ctx context.Context, names []string, progress func(waiting map[string]string)) error {
	waiting := map[string]string{}
	for _, name := range names {
		waiting[name] = "has not joined"
	}
	if len(waiting) == 0 {
		return nil
	}
	known := map[string]bool{}
	for name := range waiting {
		known[name] = true
	}
	heard := false
	err := c.Watch(ctx, Scope{Resource: nodes()}, func(node *unstructured.Unstructured, gone bool) (bool, error) {
		heard = true
		name := node.GetName()
		if !known[name] {
			return false, nil
		}
		ready, reason := readiness(node)
		before, was := waiting[name]
		switch {
		case gone:
			waiting[name] = "was deleted"
		case ready:
			delete(waiting, name)
		default:
			waiting[name] = reason
		}
		if after, is := waiting[name]; progress != nil && (was != is || before != after) {
			progress(maps.Clone(waiting))
		}
		return len(waiting) == 0, nil
	})
	if err == nil {
		return nil
	}
	if !heard { // nobody knows how they are
		return fmt.Errorf("waiting for Nodes to be Ready: %w; the API told of no Node so far; waited for: %s", err, strings.Join(slices.Sorted(maps.Keys(waiting)), ", "))
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		lines = append(lines, name+" ("+waiting[name]+")")
	}
	return fmt.Errorf("waiting for Nodes to be Ready: %w; missing: %s; look at \"journalctl -u kubelet\" on them", err, strings.Join(lines, ", "))
}

// readiness reads the condition Ready.
func readiness(node *unstructured.Unstructured) (ready bool, reason string) {
	condition := conditionOf(node, "Ready")
	if condition == nil {
		return false, "its kubelet has not reported"
	}
	status, _ := condition["status"].(string)
	message, _ := condition["message"].(string)
	if message == "" {
		message, _ = condition["reason"].(string)
	}
	return status == "True", message
}

func conditionOf(object *unstructured.Unstructured, kind string) map[string]any {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, entry := range conditions {
		condition, _ := entry.(map[string]any)
		if condition["type"] == kind {
			return condition
		}
	}
	return nil
}
