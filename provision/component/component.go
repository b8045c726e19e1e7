package component

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"provision/provision/bundle"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource"
)

// Rollout says how changes of a component travel over running hosts.
type Rollout string

// The rollouts. A first installation is always parallel.
const (
	Parallel   Rollout = "parallel"
	OneAtATime Rollout = "one-at-a-time"
)

// Registrar is a Component whose service writes a field of the host's Node when
// it starts, and never again: should somebody delete the Node, it has to start
// anew once there is one again.
type Registrar interface {
	// Registers is the field, labels.KEY or annotations.KEY, and the unit.
	Registers() (field, unit string)
}

// Router is a Component of a network that gives each host one route to the pods
// of every other, exactly as wide as the other's range.
type Router interface {
	// Routes is the unit that makes the routes.
	Routes() (unit string)
}

// Component is a part of a cluster that runs on hosts.
type Component interface {
	// Name is a component's name in plans: "etcd".
	Name() string
	// Runs reports whether the host runs the component.
	Runs(cluster *Cluster, host inventory.Host) bool
	// Desired says which resources the host must have. Pure.
	Desired(cluster *Cluster, host inventory.Host) ([]resource.Resource, error)
	// Artifacts are the names of the bundle's artifacts that the host needs,
	// so that they can be pulled or built before anything changes.
	Artifacts(cluster *Cluster) []bundle.Ref
	Rollout() Rollout
	// Gate says how to know that the component works on a host after a restart;
	// with OneAtATime the next host waits for it.
	Gate() Gate
}

// Gate says how to know that a component works on a host. The zero Gate is
// passed as soon as systemd says that the unit runs.
type Gate struct {
	// URL is asked on the host until it answers 200.
	URL string
	// CA is the file on the host that verifies the server.
	CA string
	// Unchanged is, where a URL does not tell, a resource of the host or of the
	// cluster that is asked for until its Observe finds nothing to change. It is
	// not applied.
	Unchanged func(c *Cluster, host inventory.Host) resource.Resource
	// Live is where the component's services answer while they live, whatever
	// they say. Rollouts wait for it where the URL is another service's, and
	// after another program was put into place.
	Live []Live
}

// Live is where a service of a host answers. CA is as in Gate.
type Live struct {
	Unit, URL, CA string
	// Relay is set when it answers only while the API does.
	Relay bool
}

// Cluster is what components know: inventory, facts, identity, artifacts and
// the network's assignments. It is never changed by them.
type Cluster struct {
	Inventory *inventory.Inventory
	Facts     map[string]facts.Host // by host name; hosts that did not answer are missing
	Identity  facts.Identity        // UUID and public CA certificates
	Artifacts bundle.Resolver
	// Now is when the plan is made.
	Now time.Time
	// PodCIDRs are the pod ranges by host, as network/plan assigned them.
	PodCIDRs map[string]netip.Prefix
	// Components are all of the catalogue, for those that ask the others.
	Components []Component
	// Learned is what Learners found out, by component; see Learned.
	Learned map[string]any
	// Leaving are the hosts that leave the cluster or a role, in order of name.
	Leaving []Leaving
	// Isolated are the hosts that an operator took out of service: no pods, and
	// no requests by way of balancers. They are configured like all others.
	Isolated map[string]bool
	// Isolation is what this run is limited to; nil for most.
	Isolation *Isolation
	// Reissue are the hosts whose certificates are all reissued, due or not.
	Reissue map[string]bool
	// Images are what pods need before a registry can be reached, beside the
	// pause image. A host holds those whose pods may run there.
	Images []Image
}

// Fact returns the facts of a host, or an error that says it did not answer.
func (c *Cluster) Fact(host string) (facts.Host, error) {
	f, ok := c.Facts[host]
	if !ok {
		return f, fmt.Errorf("host %s did not answer, so its facts are unknown", host)
	}
	return f, nil
}

// Answered are the hosts of the inventory that take part, in its order.
func (c *Cluster) Answered() []inventory.Host {
	var list []inventory.Host
	for _, h := range c.Inventory.Hosts {
		if _, ok := c.Facts[h.Name]; ok {
			list = append(list, h)
		}
	}
	return list
}

// Losing are the hosts that cease to run a component while they leave the
// cluster, or a role in it.
func (c *Cluster) Losing(component string) []Leaving {
	return slices.DeleteFunc(slices.Clone(c.Leaving), func(l Leaving) bool { return !slices.Contains(l.Parts, component) })
}

// ServiceIP is the address of the kubernetes service: the first of the range.
func (c *Cluster) ServiceIP() netip.Addr { return c.Inventory.Network.Services.Addr().Next() }
