package node

import (
	"maps"
	"net/netip"

	"provision/provision/inventory"
)

// Labels that are derived from the inventory.
const (
	ControlPlane = "node-role.kubernetes.io/control-plane"
	roleNode     = "node-role.kubernetes.io/node"
	zoneLabel    = "topology.kubernetes.io/zone"
	rackLabel    = "topology.kubernetes.io/rack"
)

// ForHost is the Node that an inventory's host becomes. A host that is master
// only gets the control plane's taint: it runs pods that tolerate it.
func ForHost(host inventory.Host, podCIDRs ...netip.Prefix) Spec {
	spec := Spec{Labels: maps.Clone(host.Labels)}
	if spec.Labels == nil {
		spec.Labels = map[string]string{}
	}
	if host.Has(inventory.RoleMaster) {
		spec.Labels[ControlPlane] = ""
	}
	if host.Has(inventory.RoleNode) {
		spec.Labels[roleNode] = ""
	}
	if host.Zone != "" {
		spec.Labels[zoneLabel] = host.Zone
	}
	if host.Rack != "" {
		spec.Labels[rackLabel] = host.Rack
	}
	for _, taint := range host.Taints {
		spec.Taints = append(spec.Taints, Taint{Key: taint.Key, Value: taint.Value, Effect: taint.Effect})
	}
	own := Taint{Key: ControlPlane, Effect: "NoSchedule"}
	if _, given := taintMap(spec.Taints)[own.id()]; !given && host.Has(inventory.RoleMaster) && !host.Has(inventory.RoleNode) {
		spec.Taints = append(spec.Taints, own)
	}
	for _, prefix := range podCIDRs {
		spec.PodCIDRs = append(spec.PodCIDRs, prefix.String())
	}
	return spec
}
