package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// NodeStatus is a Node, for people and JSON.
type NodeStatus struct {
	Name          string   `json:"name"`
	Ready         bool     `json:"ready"`
	Reason        string   `json:"reason,omitempty"` // why it is not Ready
	Unschedulable bool     `json:"unschedulable,omitempty"`
	Roles         []string `json:"roles,omitempty"`
	Address       string   `json:"address,omitempty"`
	PodCIDRs      []string `json:"pod_cidrs,omitempty"`
	Kubelet       string   `json:"kubelet,omitempty"` // version, without a v
	Runtime       string   `json:"runtime,omitempty"`
	OS            string   `json:"os,omitempty"`
	// Since is when the Node became Ready, or not; RFC 3339, "" when nobody said.
	Since string `json:"since,omitempty"`
	// Deleting is since when the Node is being deleted, RFC 3339; "" when it is
	// not. Finalizers hold it.
	Deleting   string   `json:"deleting,omitempty"`
	Finalizers []string `json:"finalizers,omitempty"`
}

// Held says since when a Node is being deleted and what holds it; "" when it is
// not being deleted.
func (n NodeStatus) Held() string {
	if n.Deleting == "" {
		return ""
	}
	if len(n.Finalizers) == 0 {
		return "being deleted since " + n.Deleting
	}
	return "being deleted since " + n.Deleting + ", held by finalizer " + strings.Join(n.Finalizers, ", ")
}

// Condition is "Ready" or "not Ready", and since when.
func (n NodeStatus) Condition() string {
	text := "not Ready"
	if n.Ready {
		text = "Ready"
	}
	if n.Since != "" {
		text += " since " + n.Since
	}
	return text
}

// Foreign says of a Node of no host how it is and how it goes.
func (n NodeStatus) Foreign() string {
	state := n.Condition()
	if n.Deleting != "" {
		state = n.Held()
	}
	return fmt.Sprintf("Node %s is of no host in the inventory (%s); it stays. Take the host in, or remove it: kubectl delete node %s", n.Name, state, n.Name)
}

// Foreign are the Nodes that none of the hosts is.
func Foreign(nodes []NodeStatus, hosts func(name string) bool) []NodeStatus {
	return slices.DeleteFunc(slices.Clone(nodes), func(n NodeStatus) bool { return hosts(n.Name) })
}

// Status is a summary of a cluster.
type Status struct {
	Version string       `json:"version"` // of the API server that answered
	Nodes   []NodeStatus `json:"nodes"`
}

// Status reads the summary: two requests.
func (c *Client) Status(ctx context.Context) (Status, error) {
	version, err := c.Version(ctx)
	if err != nil {
		return Status{}, err
	}
	list, err := c.dynamic.Resource(nodes()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return Status{}, fmt.Errorf("listing Nodes: %w", err)
	}
	status := Status{Version: version}
	for i := range list.Items {
		status.Nodes = append(status.Nodes, summarise(&list.Items[i]))
	}
	slices.SortFunc(status.Nodes, func(a, b NodeStatus) int { return strings.Compare(a.Name, b.Name) })
	return status, nil
}

func summarise(node *unstructured.Unstructured) NodeStatus {
	text := func(fields ...string) string {
		value, _, _ := unstructured.NestedString(node.Object, fields...)
		return value
	}
	status := NodeStatus{
		Name:    node.GetName(),
		Kubelet: strings.TrimPrefix(text("status", "nodeInfo", "kubeletVersion"), "v"),
		Runtime: text("status", "nodeInfo", "containerRuntimeVersion"),
		OS:      text("status", "nodeInfo", "osImage"),
	}
	if status.Ready, status.Reason = readiness(node); status.Ready {
		status.Reason = ""
	}
	status.Since, _ = conditionOf(node, "Ready")["lastTransitionTime"].(string)
	if at := node.GetDeletionTimestamp(); at != nil {
		status.Deleting, status.Finalizers = at.UTC().Format(time.RFC3339), node.GetFinalizers()
	}
	status.Unschedulable, _, _ = unstructured.NestedBool(node.Object, "spec", "unschedulable")
	status.PodCIDRs, _, _ = unstructured.NestedStringSlice(node.Object, "spec", "podCIDRs")
	for label := range node.GetLabels() {
		if role, ok := strings.CutPrefix(label, "node-role.kubernetes.io/"); ok && role != "" {
			status.Roles = append(status.Roles, role)
		}
	}
	slices.Sort(status.Roles)
	addresses, _, _ := unstructured.NestedSlice(node.Object, "status", "addresses")
	for _, entry := range addresses {
		address, _ := entry.(map[string]any)
		if address["type"] == "InternalIP" && status.Address == "" {
			status.Address, _ = address["address"].(string)
		}
	}
	return status
}

// Version is the version of the API server that answers, without a v.
func (c *Client) Version(ctx context.Context) (string, error) {
	var version struct {
		GitVersion string `json:"gitVersion"`
	}
	raw, err := c.rest.Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", fmt.Errorf("asking for the API's version: %w", err)
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return "", fmt.Errorf("reading the API's version: %w", err)
	}
	return strings.TrimPrefix(version.GitVersion, "v"), nil
}
