package component

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/yaml"

	"provision/provision/cluster"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/object"
)

// Clusterwide is implemented by components that have a part in the cluster
// itself, beside what stands on their hosts.
type Clusterwide interface {
	// Clusterwide says what that is. It is asked once for the whole cluster,
	// whether a host runs the component or not. Pure.
	Clusterwide(c *Cluster) (Wide, error)
}

// Wide is a component's part in the cluster, as data.
type Wide struct {
	// Resources are cluster-scoped.
	Resources []resource.Resource
	Barriers  []Barrier
	// Guards say, by host, how its Node is emptied. Only component nodes has any;
	// what stands around changes of another component is its Around.
	Guards map[string]Guard
	// Leaves say, by host that leaves the cluster or a role, what of the
	// component's goes with it.
	Leaves map[string]Leave
}

// Leave is what surrounds the removals on a host that leaves the cluster, or a
// role in it.
type Leave struct {
	// First are the steps of the cluster before anything is taken away there,
	// Last those once nothing is left.
	First, Last []resource.Address
}

// Leaving is a host that leaves the cluster, or a role in it.
type Leaving struct {
	// Host has the roles that it had.
	Host inventory.Host
	// Parts are the components that it ceases to run.
	Parts []string
	// Whole: it left the inventory. Gone: it does not answer and never will.
	Whole, Gone bool
}

// Barrier is a point in the plan that is passed once Need of the addresses in Of
// are done (all, when Need is 0): "one API server answers". Others require it by
// its address, BarrierAt(NAME).
type Barrier struct {
	Address resource.Address
	Of      []resource.Address
	Need    int
	// Settle waits until all of Of have ended, well or not, before counting.
	Settle bool
	// After are further requirements, all of which must be done.
	After []resource.Address
	// Proof is what must be true of the cluster, too, when there is any.
	Proof Proof
	// Unchanged is a cluster-scoped resource that is waited for until its Observe
	// finds nothing to change. It is not applied.
	Unchanged *resource.Resource
}

// Proof is what a barrier waits for beyond steps.
type Proof string

// The proofs.
const (
	APIOpen    Proof = "api"   // the API answers and lets the operator in
	NodesReady Proof = "nodes" // the Nodes of hosts that change are Ready
)

// BarrierKind is the kind in the addresses of barriers.
const BarrierKind = "gate"

// BarrierAt is the address of a barrier: cluster/gate["kubernetes-api"].
func BarrierAt(name string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: BarrierKind, Name: name}
}

// APIAt is the address of the barrier behind which the Kubernetes API answers
// and lets operators in. All that is done through the API requires it.
func APIAt() resource.Address { return BarrierAt("kubernetes-api") }

// Guard is what stands around the changes of a host that need its Node empty.
type Guard struct {
	// Drain empties the Node. It is not among the graph's resources, which are
	// always wanted, but is found by its address. Zero for a host without Node.
	Drain resource.Resource
	// Uncordon is the address of the resource that lets pods in again.
	Uncordon resource.Address
	// Unit is the one whose running shows that the Node has pods, or may.
	Unit string
	// Keeper: the host holds a part of the control plane or of etcd. Such hosts
	// take their turns one by one, before all others.
	Keeper bool
	// Alone: no other Node could take its pods.
	Alone bool
}

// Learner is implemented by components that ask the cluster before they say what
// they want.
type Learner interface {
	// Learn asks. It is called in each plan of a cluster that has an identity,
	// before Desired and Clusterwide. Its deadlines are its own.
	Learn(ctx context.Context, c *Cluster, ask Ask) (Lesson, error)
}

// Ask is what of a cluster's APIs a Learner may ask. Errors are those of
// clusters that do not answer, which is no reason to give up.
type Ask interface {
	Env(ctx context.Context) (*cluster.Env, error)
	// EtcdIDs are the ids of their cluster that etcd's members say, by host.
	EtcdIDs(ctx context.Context) (map[string]uint64, error)
}

// Lesson is what a Learner found out.
type Lesson struct {
	// Known is kept for the component: Learned returns it.
	Known any
	// Unfit are hosts that are skipped in the run because of it, and why.
	Unfit    map[string]error
	Warnings []string
}

// Learned is what the component of that name found out; the zero value when it
// has not asked.
func Learned[T any](c *Cluster, name string) T {
	known, _ := c.Learned[name].(T)
	return known
}

// Isolation takes hosts out of service, or back into it.
type Isolation struct {
	// Hosts are isolated, or recover.
	Hosts []string
	// Recover: their Nodes take pods again, and balancers send them requests.
	Recover bool
	// Unmanaged evicts pods that have no controller, too.
	Unmanaged bool
	// Timeout bounds the wait for evictions; 0: as the drain has it.
	Timeout time.Duration
}

// Names reports whether a host is one of those; of no isolation, none is.
func (i *Isolation) Names(host string) bool { return i != nil && slices.Contains(i.Hosts, host) }

// Manifests are the resources that apply objects once the API answers.
func Manifests(objects ...Object) ([]resource.Resource, error) {
	var list []resource.Resource
	for _, o := range objects {
		var content map[string]any
		if err := yaml.Unmarshal([]byte(o.YAML), &content); err != nil {
			return nil, fmt.Errorf("reading manifest %s: %w", o.Name, err)
		}
		list = append(list, resource.New(resource.ClusterHost, object.Name, o.Name, object.Spec{Object: content}).After(APIAt()))
	}
	return list, nil
}

// Manifested is the part in the cluster of a component that has only objects.
func Manifested(objects ...Object) (Wide, error) {
	list, err := Manifests(objects...)
	return Wide{Resources: list}, err
}
