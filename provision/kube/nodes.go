package kube

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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

// NodeReports waits until the Node's kubelet reports, at that time by its own
// clock or later, that the Node is Ready. Reports have whole seconds. Progress,
// if not nil, is told what is missing.
func (c *Client) NodeReports(ctx context.Context, name string, since time.Time, progress func(reason string)) error {
	since = since.Truncate(time.Second)
	missing := "the API told nothing of it"
	scope := Scope{Resource: nodes(), FieldSelector: "metadata.name=" + name}
	err := c.Watch(ctx, scope, func(node *unstructured.Unstructured, gone bool) (bool, error) {
		if missing = unreported(node, since); gone {
			missing = "it was deleted"
		}
		if missing == "" {
			return true, nil
		}
		if progress != nil {
			progress(missing)
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for Node %s to be Ready: %w; %s", name, err, missing)
	}
	return nil
}

// unreported is what is missing until the Node's kubelet has said, at that time
// or later, that the Node is Ready; "" when nothing is.
func unreported(node *unstructured.Unstructured, since time.Time) string {
	ready, reason := readiness(node)
	switch {
	case reported(node).Before(since):
		return "its kubelet has not reported since it was started"
	case !ready:
		return cmp.Or(reason, "it is not Ready")
	}
	return ""
}

// reported is when the kubelet last confirmed the condition Ready.
func reported(node *unstructured.Unstructured) time.Time {
	text, _ := conditionOf(node, "Ready")["lastHeartbeatTime"].(string)
	at, _ := time.Parse(time.RFC3339, text)
	return at
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
