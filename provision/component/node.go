package component

import (
	"slices"

	"provision/provision/bundle"
	"provision/provision/inventory"
	"provision/provision/resource/node"
)

// NodeLabels are the labels that the inventory gives a host's Node. Architecture,
// system and host name are kubelet's.
func NodeLabels(c *Cluster, h inventory.Host) map[string]string {
	labels := map[string]string{}
	for key, value := range h.Labels {
		labels[key] = value
	}
	if h.Zone != "" {
		labels["topology.kubernetes.io/zone"] = h.Zone
	}
	if site := c.Inventory.Cluster.Site; site != "" {
		labels["topology.kubernetes.io/region"] = site
	}
	if h.Rack != "" {
		labels["topology.provision/rack"] = h.Rack
	}
	if h.Has(inventory.RoleMaster) {
		labels[node.ControlPlane] = ""
	}
	if h.Has(inventory.RoleNode) {
		labels["node-role.kubernetes.io/node"] = ""
	}
	return labels
}

// NodeTaints are the taints that the inventory gives a host's Node: a host that
// is master only takes no ordinary pods.
func NodeTaints(h inventory.Host) []inventory.Taint {
	var taints []inventory.Taint
	if h.Has(inventory.RoleMaster) && !h.Has(inventory.RoleNode) {
		taints = append(taints, inventory.Taint{Key: node.ControlPlane, Effect: "NoSchedule"})
	}
	return append(taints, h.Taints...)
}

// Pods says where pods may run, as their manifests say it to the scheduler. The
// zero value: on every Node without taints.
type Pods struct {
	// Selector are the labels that a Node must have.
	Selector map[string]string
	// Tolerations are the taints that do not keep the pods away.
	Tolerations []Toleration
}

// Toleration is one of a pod. Without Key it tolerates every taint, without
// Value every value, without Effect every effect.
type Toleration struct{ Key, Value, Effect string }

func (t Toleration) tolerates(taint inventory.Taint) bool {
	return (t.Key == "" || t.Key == taint.Key) && (t.Value == "" || t.Value == taint.Value) && (t.Effect == "" || t.Effect == taint.Effect)
}

// Image is an image that pods run: a row of the bundle's catalogue.
type Image struct {
	Name, Version string
	Pods          Pods
}

// MayRun reports whether the scheduler may put such pods on the host.
func (p Pods) MayRun(c *Cluster, h inventory.Host) bool {
	if !h.Joins() {
		return false
	}
	labels := NodeLabels(c, h)
	labels["kubernetes.io/hostname"], labels["kubernetes.io/os"] = h.Name, "linux"
	labels["kubernetes.io/arch"] = c.Facts[h.Name].Arch
	for key, value := range p.Selector {
		if got, there := labels[key]; !there || got != value {
			return false
		}
	}
	for _, taint := range NodeTaints(h) {
		tolerated := taint.Effect == "PreferNoSchedule"
		for _, t := range p.Tolerations {
			tolerated = tolerated || t.tolerates(taint)
		}
		if !tolerated {
			return false
		}
	}
	return true
}

// ImagesOn are the artifacts of the images that a host must hold: those whose
// pods may run there. None while the host's architecture is not known.
func (c *Cluster) ImagesOn(h inventory.Host) []bundle.Ref {
	known, answered := c.Facts[h.Name]
	var refs []bundle.Ref
	for _, image := range c.Images {
		ref := bundle.Ref{Name: image.Name, Version: image.Version, Arch: known.Arch}
		if answered && image.Pods.MayRun(c, h) && !slices.Contains(refs, ref) { // two instances of an add-on share it
			refs = append(refs, ref)
		}
	}
	return refs
}
