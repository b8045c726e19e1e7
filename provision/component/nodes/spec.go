package nodes

import (
	"slices"

	"provision/provision/component"
	"provision/provision/component/kubelet"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource/drain"
	"provision/provision/resource/node"
)

// specOf is what a Node has from the start, before its kubelet runs.
func specOf(c *component.Cluster, h inventory.Host) node.Spec {
	spec := node.Spec{Labels: component.NodeLabels(c, h)}
	for _, t := range component.NodeTaints(h) {
		spec.Taints = append(spec.Taints, node.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
	}
	if known, ok := c.Facts[h.Name]; ok && !recorded(known.Owned, component.UnitAt("", kubelet.Unit).ID()) {
		spec.Machine = known.MachineID // no kubelet of ours ever ran on it
	}
	if c.Isolated[h.Name] {
		spec.Taints = append(spec.Taints, node.Taint{Key: drain.IsolatedTaint, Effect: "NoSchedule"})
	}
	if prefix, ok := c.PodCIDRs[h.Name]; ok {
		spec.PodCIDRs = []string{prefix.String()}
	}
	return spec
}

// recorded reports whether a host's ledger has the resource.
func recorded(known facts.Owned, id string) bool {
	return slices.ContainsFunc(known.Resources, func(r facts.Resource) bool { return r.ID == id })
}
