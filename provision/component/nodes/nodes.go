package nodes

import (
	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/component/kubelet"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/node"
)

// Name is the component's.
const Name = "nodes"

// New returns the component.
func New() component.Component { return nodes{} }

type nodes struct{}

func (nodes) Name() string { return Name }

func (nodes) Runs(_ *component.Cluster, host inventory.Host) bool { return host.Joins() }

// Desired is nothing: a Node is the cluster's.
func (nodes) Desired(*component.Cluster, inventory.Host) ([]resource.Resource, error) {
	return nil, nil
}

func (nodes) Artifacts(*component.Cluster) []bundle.Ref { return nil }

func (nodes) Rollout() component.Rollout { return component.Parallel }

func (nodes) Gate() component.Gate { return component.Gate{} }

// Clusterwide implements component.Clusterwide.
func (nodes) Clusterwide(c *component.Cluster) (component.Wide, error) {
	w := component.Wide{Barriers: barriers(c), Guards: guards(c), Leaves: map[string]component.Leave{}}
	// A host that did not answer is skipped: of its Node, too, not all is
	// known, and none is made for a host that may never come.
	for _, h := range c.Answered() {
		if h.Joins() {
			spec := specOf(c, h)
			spec.Registered = Registered(c, h)
			w.Resources = append(w.Resources, object(h.Name, spec), Schedulable(c, h))
		}
	}
	w.Resources = append(w.Resources, silentIsolated(c)...)
	for _, l := range c.Losing(kubelet.Name) {
		name := l.Host.Name
		absent := object(name, node.Spec{Absent: true})
		if !l.Gone {
			empty := resource.New(resource.ClusterHost, DrainAt(name).Kind, name, draining(c.Inventory)).After(component.APIAt())
			w.Resources = append(w.Resources, empty)
			absent = absent.After(empty.Address)
		}
		w.Resources = append(w.Resources, absent)
		w.Leaves[name] = component.Leave{First: []resource.Address{DrainAt(name)}, Last: []resource.Address{absent.Address}}
	}
	return w, nil
}

func object(host string, spec node.Spec) resource.Resource {
	return resource.New(resource.ClusterHost, node.Name, host, spec).After(component.APIAt())
}

// silentIsolated are the Nodes of isolated hosts that do not answer: the first
// thing that one wants of a sick host is that nobody uses it.
func silentIsolated(c *component.Cluster) []resource.Resource {
	var list []resource.Resource
	for _, h := range c.Inventory.Hosts {
		if _, answered := c.Facts[h.Name]; !answered && h.Joins() && c.Isolated[h.Name] {
			list = append(list, object(h.Name, specOf(c, h)), Schedulable(c, h))
		}
	}
	return list
}

// Registered are the fields of a host's Node that its services write when they
// start, with the unit of each. A Node that somebody deleted is made again by
// apply, but they would not know: without a label the scheduler looks for, and
// without the address by which other hosts reach its pods.
func Registered(c *component.Cluster, h inventory.Host) map[string]string {
	fields := map[string]string{}
	for _, one := range c.Components {
		if r, ok := one.(component.Registrar); ok && one.Runs(c, h) {
			field, unit := r.Registers()
			fields[field] = unit
		}
	}
	return fields
}
