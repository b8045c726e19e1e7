package kube

import (
	"context"
	"encoding/json"
	"fmt"
)

// Summary lists objects without what may hold secrets or is of no use to a
// reader: of pods everything but their specification, of all the annotations.
// Path is that of a list, such as /api/v1/pods?limit=500.
func (c *Client) Summary(ctx context.Context, path string) ([]map[string]any, error) {
	raw, err := c.rest.Get().RequestURI(path).Do(ctx).Raw()
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", path, err)
	}
	var list struct {
		Items []map[string]any `json:"items"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("reading the list %s: %w", path, err)
	}
	for _, object := range list.Items {
		if metadata, ok := object["metadata"].(map[string]any); ok {
			delete(metadata, "annotations")
			delete(metadata, "managedFields")
		}
		spec, _ := object["spec"].(map[string]any)
		kept := map[string]any{}
		for _, field := range []string{"nodeName", "podCIDRs", "taints", "unschedulable", "priorityClassName", "hostNetwork"} {
			if value, ok := spec[field]; ok {
				kept[field] = value
			}
		}
		if spec != nil {
			object["spec"] = kept
		}
	}
	return list.Items, nil
}
