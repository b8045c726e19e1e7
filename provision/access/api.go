package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/yaml"

	"provision/provision/cluster"
	"provision/provision/component/controlplane"
	"provision/provision/etcd"
	"provision/provision/facts"
	"provision/provision/kube"
)

// API is what a run asks of the cluster's own APIs. The real one goes through
// the sessions with the agents; Options.API replaces it where there is no
// cluster, as in tests of whole data centers in one process.
type API interface {
	// Reach asks once whether the API answers. ErrNoAccess: it does, but does
	// not let the operator in yet.
	Reach(ctx context.Context) error
	// Open waits until the API answers and lets the operator in.
	Open(ctx context.Context) error
	// NodesReady waits until the Nodes are Ready.
	NodesReady(ctx context.Context, names []string, progress func(waiting map[string]string)) error
	// NodeReports waits until the Node's kubelet says, at that time by its own
	// clock or later, that the Node is Ready.
	NodeReports(ctx context.Context, name string, since time.Time, progress func(reason string)) error
	// Env is what cluster-scoped kinds act on.
	Env(ctx context.Context) (*cluster.Env, error)
	// EtcdID is the id of the etcd cluster, once it has formed.
	EtcdID(ctx context.Context) (uint64, error)
	// EtcdIDs are the ids that the members say, by host; those that do not
	// answer are left out.
	EtcdIDs(ctx context.Context) (map[string]uint64, error)
	// EtcdRevision is the latest that any member which answers has handed out.
	EtcdRevision(ctx context.Context) (int64, error)
	// EtcdValue is what a key of etcd has; nil when there is none.
	EtcdValue(ctx context.Context, key string) ([]byte, error)
	// Status is what the API tells of itself and its Nodes, EtcdStatus what etcd's
	// members say; Summary lists objects in short, by their path.
	Status(ctx context.Context) (kube.Status, error)
	EtcdStatus(ctx context.Context) ([]etcd.MemberStatus, error)
	Summary(ctx context.Context, path string) ([]map[string]any, error)
	// Upkeep is what keeps etcd's databases small.
	Upkeep(ctx context.Context) (etcd.Upkeep, error)
	// Deprecated are the APIs that go with a release and that somebody used, by
	// master; Leftovers are objects that were written through what goes between
	// two minor releases.
	Deprecated(ctx context.Context) (map[string][]kube.Deprecated, error)
	Leftovers(ctx context.Context, after, upTo int) ([]kube.Leftover, error)
	// Turning does what must be done in the cluster before the rotation of a
	// private item goes on to its next phase; the identity is that of the present.
	Turning(ctx context.Context, item, next string, id facts.Identity) error
}

// ErrNoAccess is the state of a cluster whose first apply was interrupted
// before operators were let in.
var ErrNoAccess = errors.New("operators have no access yet")

// Reach asks the API once whether it is ready.
func (a *Cluster) Reach(ctx context.Context) error {
	if len(a.Fleet.Masters()) == 0 {
		return errors.New("no master answered")
	}
	client, err := a.Kube(ctx)
	if err != nil {
		return err
	}
	allowed, err := client.Allowed(ctx)
	if err == nil && !allowed {
		err = ErrNoAccess
	}
	return err
}

// Open waits for the API, and makes sure that the operator's group may use it:
// on a new cluster nobody may yet, so that one binding is created with a
// certificate of minutes that is used for nothing else.
func (a *Cluster) Open(ctx context.Context) error {
	client, err := a.Kube(ctx)
	if err != nil {
		return err
	}
	if err := client.WaitReady(ctx); err != nil {
		return err
	}
	allowed, err := client.Allowed(ctx)
	if err != nil || allowed {
		return err
	}
	first, err := a.newKube(ctx, "system:masters", bootstrapLife)
	if err != nil {
		return err
	}
	defer first.Close()
	var binding map[string]any
	if err := yaml.Unmarshal([]byte(controlplane.AdminBinding().YAML), &binding); err != nil {
		return fmt.Errorf("reading the binding of operators: %w", err)
	}
	if err := first.Apply(ctx, binding); err != nil {
		return fmt.Errorf("letting group %s administer the cluster: %w", controlplane.AdminGroup, err)
	}
	return client.WaitAllowed(ctx)
}

// NodesReady waits until the Nodes are Ready.
func (a *Cluster) NodesReady(ctx context.Context, names []string, progress func(waiting map[string]string)) error {
	client, err := a.Kube(ctx)
	if err != nil {
		return err
	}
	return client.NodesReady(ctx, names, progress)
}

// NodeReports waits for a report of the Node's kubelet.
func (a *Cluster) NodeReports(ctx context.Context, name string, since time.Time, progress func(reason string)) error {
	client, err := a.Kube(ctx)
	if err != nil {
		return err
	}
	return client.NodeReports(ctx, name, since, progress)
}

// EtcdID asks etcd for the id of its cluster.
func (a *Cluster) EtcdID(ctx context.Context) (uint64, error) {
	client, err := a.Etcd(ctx)
	if err != nil {
		return 0, err
	}
	return client.ClusterID(ctx)
}

// EtcdRevision asks each member by itself, without a quorum.
func (a *Cluster) EtcdRevision(ctx context.Context) (int64, error) {
	client, err := a.Etcd(ctx)
	if err != nil {
		return 0, err
	}
	return client.Latest(ctx), nil
}

// EtcdValue reads a key of etcd.
func (a *Cluster) EtcdValue(ctx context.Context, key string) ([]byte, error) {
	client, err := a.Etcd(ctx)
	if err != nil {
		return nil, err
	}
	return client.Value(ctx, key)
}

// Status asks the API for its version and its Nodes.
func (a *Cluster) Status(ctx context.Context) (kube.Status, error) {
	client, err := a.Kube(ctx)
	if err != nil {
		return kube.Status{}, err
	}
	return client.Status(ctx)
}

// EtcdStatus asks etcd's members how they are.
func (a *Cluster) EtcdStatus(ctx context.Context) ([]etcd.MemberStatus, error) {
	client, err := a.Etcd(ctx)
	if err != nil {
		return nil, err
	}
	return client.Status(ctx)
}

// Upkeep is etcd's client.
func (a *Cluster) Upkeep(ctx context.Context) (etcd.Upkeep, error) { return a.Etcd(ctx) }

// Summary lists objects in short.
func (a *Cluster) Summary(ctx context.Context, path string) ([]map[string]any, error) {
	client, err := a.Kube(ctx)
	if err != nil {
		return nil, err
	}
	return client.Summary(ctx, path)
}
