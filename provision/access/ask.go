package access

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"provision/provision/component"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/etcd"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/kube"
)

// Deprecated asks the API servers of all masters that answered.
func (a *Cluster) Deprecated(ctx context.Context) (map[string][]kube.Deprecated, error) {
	used := map[string][]kube.Deprecated{}
	var mu sync.Mutex
	var bad []error
	credentials, err := a.issueAdmin(ctx)
	if err != nil {
		return nil, err
	}
	fleet.Spread(a.Fleet.Masters(), func(m *fleet.Member) {
		client, err := kube.New(kube.Options{Dial: a.dialVia, Servers: []string{component.APIServer(m.Host)},
			CA: credentials.CA, Cert: credentials.Cert, Key: credentials.Key})
		var list []kube.Deprecated
		if err == nil {
			defer client.Close()
			list, err = client.Deprecated(ctx)
		}
		mu.Lock()
		defer mu.Unlock()
		if used[m.Host.Name] = list; err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", m.Host.Name, err))
		}
	})
	return used, errors.Join(bad...)
}

// Leftovers asks any API server.
func (a *Cluster) Leftovers(ctx context.Context, after, upTo int) ([]kube.Leftover, error) {
	client, err := a.Kube(ctx)
	if err != nil {
		return nil, err
	}
	return client.Leftovers(ctx, after, upTo)
}

// EtcdIDs asks the members for the ids of their clusters, by host.
func (a *Cluster) EtcdIDs(ctx context.Context) (map[string]uint64, error) {
	client, err := a.Etcd(ctx)
	if err != nil {
		return nil, err
	}
	ids := map[string]uint64{}
	for endpoint, id := range client.ClusterIDs(ctx) {
		for _, h := range a.Fleet.Inventory.With(inventory.RoleEtcd) {
			if etcdcomponent.ClientURL(h) == endpoint {
				ids[h.Name] = id
			}
		}
	}
	return ids, nil
}

// Answers are what a cluster's APIs told of it.
type Answers struct {
	Version   string
	Nodes     map[string]kube.NodeStatus
	Etcd      []etcd.MemberStatus
	ApiError  string
	EtcdError string
}

// Ask asks both APIs at once.
func Ask(ctx context.Context, api API) Answers {
	ctx, cancel := context.WithTimeout(ctx, ReachBudget)
	defer cancel()
	a := Answers{Nodes: map[string]kube.NodeStatus{}}
	var all sync.WaitGroup
	all.Go(func() {
		known, err := api.Status(ctx)
		if err != nil {
			a.ApiError = err.Error()
			return
		}
		a.Version = known.Version
		for _, n := range known.Nodes {
			a.Nodes[n.Name] = n
		}
	})
	all.Go(func() {
		members, err := api.EtcdStatus(ctx)
		if a.Etcd = members; err != nil {
			a.EtcdError = err.Error()
		}
	})
	all.Wait()
	return a
}

// ReachBudget bounds how long a plan waits for the API of an existing cluster.
const ReachBudget = 5 * time.Second
