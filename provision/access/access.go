package access

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"provision/provision/authority"
	"provision/provision/cluster"
	"provision/provision/component"
	"provision/provision/component/controlplane"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/etcd"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/kube"
	"provision/provision/kube/helm"
	"provision/provision/pki"
)

// Cluster is the operator's way to the cluster's APIs: made when first needed,
// with an ephemeral key, through the sessions with the agents.
type Cluster struct {
	Fleet *fleet.Fleet
	Keys  *authority.Keys
	// Holder names this operator: user@machine.
	Holder string

	mu   sync.Mutex
	kube *kube.Client
	etcd *etcd.Client
	env  *cluster.Env
}

// operatorLife is how long the operator's certificate lasts.
const operatorLife = time.Hour

// bootstrapLife is that of the one certificate in system:masters, made only to
// create the binding that the operator's group needs.
const bootstrapLife = pki.FirstAccess

// Close ends the connections, if there are any. What is asked later opens others.
func (a *Cluster) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kube != nil {
		a.kube.Close()
	}
	if a.etcd != nil {
		_ = a.etcd.Close() // its connections end with the sessions anyway
	}
	a.kube, a.etcd, a.env = nil, nil, nil
}

// apiServers are those of the masters that answered, as the cluster's hosts see
// them.
func (a *Cluster) apiServers() []string {
	var servers []string
	for _, m := range a.Fleet.Masters() {
		servers = append(servers, component.APIServer(m.Host))
	}
	return servers
}

// dialVia connects to host:port through the agent of the host that has the
// address.
func (a *Cluster) dialVia(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dialling %s: %w", address, err)
	}
	for _, m := range a.Fleet.Members {
		if m.Host.Address.String() == host {
			return m.Agent.Dial(ctx, net.JoinHostPort(host, port))
		}
	}
	return nil, fmt.Errorf("dialling %s: its host did not answer", address)
}

func (a *Cluster) newKube(ctx context.Context, group string, life time.Duration) (*kube.Client, error) {
	credentials, err := a.Keys.Issue(ctx, component.CACluster, a.Holder, group, life)
	if err != nil {
		return nil, err
	}
	return kube.New(kube.Options{Dial: a.dialVia, Servers: a.apiServers(),
		CA: credentials.CA, Cert: credentials.Cert, Key: credentials.Key})
}

// Kube is the client of the Kubernetes API.
func (a *Cluster) Kube(ctx context.Context) (*kube.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kube == nil {
		client, err := a.newKube(ctx, controlplane.AdminGroup, operatorLife)
		if err != nil {
			return nil, err
		}
		a.kube = client
	}
	return a.kube, nil
}

// Etcd is the client of etcd.
func (a *Cluster) Etcd(ctx context.Context) (*etcd.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.members(ctx)
}

// issueAdmin makes the operator's credentials for the API.
func (a *Cluster) issueAdmin(ctx context.Context) (authority.Credentials, error) {
	return a.Keys.Issue(ctx, component.CACluster, a.Holder, controlplane.AdminGroup, operatorLife)
}

// issueEtcd is the operator's access as a client of etcd.
func (a *Cluster) issueEtcd(ctx context.Context) (authority.Credentials, error) {
	return a.Keys.Issue(ctx, component.CAEtcd, "provision-operator", "", operatorLife)
}

// Env is what cluster-scoped kinds act on.
func (a *Cluster) Env(ctx context.Context) (*cluster.Env, error) {
	client, err := a.Kube(ctx)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.env != nil {
		return a.env, nil
	}
	members, err := a.members(ctx)
	if err != nil {
		return nil, err
	}
	a.env = &cluster.Env{Objects: client, Members: watchedMembers{members, a.Keys.Point}, Releases: helm.New(client).Watched(a.Keys.Point), Pods: client, Now: a.Fleet.Now,
		Progress: func(text string) { a.Fleet.Emit(event.Event{Type: event.Note, Text: text}) }}
	return a.env, nil
}

// members opens the etcd client; a is locked.
func (a *Cluster) members(ctx context.Context) (*etcd.Client, error) {
	if a.etcd != nil {
		return a.etcd, nil
	}
	credentials, err := a.issueEtcd(ctx)
	if err != nil {
		return nil, err
	}
	var endpoints []string
	for _, h := range a.Fleet.EtcdHosts() {
		endpoints = append(endpoints, etcdcomponent.ClientURL(h))
	}
	a.etcd, err = etcd.New(etcd.Options{Dial: a.dialVia, Endpoints: endpoints,
		CA: credentials.CA, Cert: credentials.Cert, Key: credentials.Key})
	return a.etcd, err
}
