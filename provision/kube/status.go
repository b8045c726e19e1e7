package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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
