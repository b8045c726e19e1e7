package survey

import (
	"fmt"
	"slices"

	"sigs.k8s.io/yaml"

	"provision/addons"
	"provision/provision/component"
	"provision/provision/component/loadbalancer"
	"provision/provision/desired"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/node"
	"provision/provision/resource/object"
	"provision/provision/resource/release"
)

// Gates of every cluster.
const (
	GateAPI   = "kubernetes-api" // one API server is ready and lets us in
	GateNodes = "nodes-ready"    // every Node is Ready
	GatePlace = "kubelet"        // one kubelet runs, so that pods have a place
)

// gates says what each gate waits for.
func (sv *Surveyor) gates() []desired.Gate {
	api := desired.Gate{Address: desired.GateAddress(GateAPI), Need: 1}
	nodes := desired.Gate{Address: desired.GateAddress(GateNodes), Settle: true, After: []resource.Address{api.Address}}
	place := desired.Gate{Address: desired.GateAddress(GatePlace)}
	balancers := desired.Gate{Address: desired.GateAddress(GateBalancers), Settle: true, Need: 1}
	for _, h := range sv.Fleet.Answered(sv.Fleet.Inventory) {
		balancers.Of = append(balancers.Of, component.UnitAt(h.Name, loadbalancer.Unit))
		if h.Has(inventory.RoleMaster) {
			api.Of = append(api.Of, component.UnitAt(h.Name, "kube-apiserver.service"))
		}
		if h.Joins() {
			kubelet := component.UnitAt(h.Name, "kubelet.service")
			place.Of = append(place.Of, kubelet)
			nodes.Of = append(nodes.Of, kubelet, component.UnitAt(h.Name, "containerd.service"))
		}
	}
	nodes.Need, place.Need = 1, min(1, len(place.Of))
	if !sv.mastersLeave() {
		return []desired.Gate{api, nodes, place}
	}
	return []desired.Gate{api, nodes, place, balancers}
}

// objects are the cluster-scoped resources of nodes and components.
func (sv *Surveyor) objects(c *component.Cluster) ([]resource.Resource, error) {
	api := desired.GateAddress(GateAPI)
	var list []resource.Resource
	// A host that did not answer takes no part: of its Node, too, not all is
	// known, and none is made for a host that may never come.
	for _, h := range sv.Fleet.Answered(sv.Fleet.Inventory) {
		if h.Joins() {
			spec := nodeSpec(c, h)
			spec.Registered = sv.registered(c, h)
			r := resource.New(resource.ClusterHost, node.Name, h.Name, spec).After(api)
			r.Component = "nodes"
			list = append(list, r, sv.schedulable(h, c.Isolated))
		}
	}
	list = append(list, sv.absentIsolated(c)...)
	members := sv.etcdMembers(c)
	list = append(list, members...)
	list = append(list, sv.absents(members)...)
	for _, comp := range sv.Components {
		objecter, ok := comp.(component.Objecter)
		if !ok {
			continue
		}
		objects, err := objecter.Objects(c)
		if err != nil {
			return nil, fmt.Errorf("working out the API objects of %s: %w", comp.Name(), err)
		}
		for _, manifest := range objects {
			var content map[string]any
			if err := yaml.Unmarshal([]byte(manifest.YAML), &content); err != nil {
				return nil, fmt.Errorf("reading manifest %s of %s: %w", manifest.Name, comp.Name(), err)
			}
			r := resource.New(resource.ClusterHost, object.Name, manifest.Name, object.Spec{Object: content}).After(api)
			r.Component = comp.Name()
			list = append(list, r)
		}
	}
	return list, nil
}

// nodeSpec is what a Node has from the start, before its kubelet runs.
func nodeSpec(c *component.Cluster, h inventory.Host) node.Spec {
	spec := node.Spec{Labels: component.NodeLabels(c, h)}
	for _, t := range component.NodeTaints(h) {
		spec.Taints = append(spec.Taints, node.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
	}
	if known, ok := c.Facts[h.Name]; ok && !recorded(known.Owned, component.UnitAt("", "kubelet.service").ID()) {
		spec.Machine = known.MachineID // no kubelet of ours ever ran on it
	}
	if c.Isolated[h.Name] {
		isolate(&spec)
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

// releases are the Helm releases of the add-ons, and the images they need.
func (sv *Surveyor) releases(c *component.Cluster) ([]resource.Resource, []component.Image, error) {
	wanted, diagnostics := addons.Wanted(sv.Addons, c)
	if diagnostics.HasErrors() {
		return nil, nil, diagnostics
	}
	var list []resource.Resource
	var images []component.Image
	for _, rel := range wanted {
		images = append(images, rel.Images...)
		values, secrets := release.Reveal(rel.Values)
		r := resource.New(resource.ClusterHost, release.Name, rel.Name, release.Spec{
			Namespace: rel.Namespace, CreateNamespace: rel.CreateNamespace,
			Chart: rel.Chart, Values: values, Hidden: secrets, Timeout: rel.Timeout,
		}).After(desired.GateAddress(GateAPI), desired.GateAddress(GatePlace))
		for _, needed := range rel.Requires {
			r = r.After(resource.Address{Host: resource.ClusterHost, Kind: release.Name, Name: needed})
		}
		r.Component = rel.Addon
		list = append(list, r)
	}
	return list, images, nil
}
