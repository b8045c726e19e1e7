package provision

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"sync"
	"time"

	"provision/provision/cluster"
	"provision/provision/component"
	"provision/provision/component/controlplane"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/etcd"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/kube"
	"provision/provision/kube/helm"
	"provision/provision/pki"
	"provision/provision/secret"
)

// operatorLife is how long the operator's certificate lasts.
const operatorLife = time.Hour

// bootstrapLife is that of the one certificate in system:masters, made only to
// create the binding that the operator's group needs.
const bootstrapLife = pki.FirstAccess

// access is the operator's way to the cluster's APIs: made when first needed,
// with an ephemeral key, through the sessions with the agents.
type access struct {
	o    *Operator
	mu   sync.Mutex
	kube *kube.Client
	etcd *etcd.Client
	env  *cluster.Env
}

func newAccess(o *Operator) *access { return &access{o: o} }

func (a *access) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kube != nil {
		a.kube.Close()
	}
	if a.etcd != nil {
		_ = a.etcd.Close() // its connections end with the sessions anyway
	}
}

// Credentials are a client certificate with its key and the CA that verifies
// the server, as PEM.
type Credentials struct {
	CA, Cert []byte
	Key      secret.Value
}

// issue makes a key in memory and has its certificate signed.
func (o *Operator) issue(ctx context.Context, ca, name, group string, life time.Duration) (Credentials, error) {
	if err := o.ended(ca); err != nil {
		return Credentials{}, err // what it signs would be refused
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Credentials{}, fmt.Errorf("making the operator's key: %w", err)
	}
	subject := pkix.Name{CommonName: name}
	if group != "" {
		subject.Organization = []string{group}
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	if err != nil {
		return Credentials{}, fmt.Errorf("making the operator's certificate request: %w", err)
	}
	signed, err := o.sign(ctx, system.SignRequest{CA: ca, CSR: request, Client: true, Life: life})
	if err != nil {
		return Credentials{}, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Credentials{}, fmt.Errorf("writing the operator's key: %w", err)
	}
	return Credentials{
		CA:   []byte(o.decision.Identity.CAs[ca]),
		Cert: signed,
		Key:  secret.Of(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})),
	}, nil
}

// masters are the masters that answered.
func (o *Operator) masters() []*fleet.Member {
	var list []*fleet.Member
	for _, h := range o.Inventory.With(inventory.RoleMaster) {
		if m := o.fleet.Members[h.Name]; m != nil {
			list = append(list, m)
		}
	}
	return list
}

// apiServers are those of the masters that answered, as the cluster's hosts see
// them.
func (o *Operator) apiServers() []string {
	var servers []string
	for _, m := range o.masters() {
		servers = append(servers, component.APIServer(m.Host))
	}
	return servers
}

// dialVia connects to host:port through the agent of the host that has the
// address.
func (o *Operator) dialVia(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dialling %s: %w", address, err)
	}
	for _, m := range o.fleet.Members {
		if m.Host.Address.String() == host {
			return m.Agent.Dial(ctx, net.JoinHostPort(host, port))
		}
	}
	return nil, fmt.Errorf("dialling %s: its host did not answer", address)
}

func (o *Operator) newKube(ctx context.Context, group string, life time.Duration) (*kube.Client, error) {
	credentials, err := o.issue(ctx, component.CACluster, o.Holder, group, life)
	if err != nil {
		return nil, err
	}
	return kube.New(kube.Options{Dial: o.dialVia, Servers: o.apiServers(),
		CA: credentials.CA, Cert: credentials.Cert, Key: credentials.Key})
}

// Kube is the client of the Kubernetes API.
func (a *access) Kube(ctx context.Context) (*kube.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kube == nil {
		client, err := a.o.newKube(ctx, controlplane.AdminGroup, operatorLife)
		if err != nil {
			return nil, err
		}
		a.kube = client
	}
	return a.kube, nil
}

// Etcd is the client of etcd.
func (a *access) Etcd(ctx context.Context) (*etcd.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.members(ctx)
}

// issueAdmin makes the operator's credentials for the API.
func (o *Operator) issueAdmin(ctx context.Context) (Credentials, error) {
	return o.issue(ctx, component.CACluster, o.Holder, controlplane.AdminGroup, operatorLife)
}

// Env is what cluster-scoped kinds act on.
func (a *access) Env(ctx context.Context) (*cluster.Env, error) {
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
	a.env = &cluster.Env{Objects: client, Members: watchedMembers{members, a.o.Point}, Releases: helm.New(client).Watched(a.o.Point), Pods: client, Now: a.o.Now,
		Progress: func(text string) { a.o.emit(event.Event{Type: event.Note, Text: text}) }}
	return a.env, nil
}

// members opens the etcd client; a is locked.
func (a *access) members(ctx context.Context) (*etcd.Client, error) {
	if a.etcd != nil {
		return a.etcd, nil
	}
	credentials, err := a.o.issue(ctx, component.CAEtcd, "provision-operator", "", operatorLife)
	if err != nil {
		return nil, err
	}
	var endpoints []string
	for _, h := range a.o.etcdHosts() {
		endpoints = append(endpoints, etcdcomponent.ClientURL(h))
	}
	a.etcd, err = etcd.New(etcd.Options{Dial: a.o.dialVia, Endpoints: endpoints,
		CA: credentials.CA, Cert: credentials.Cert, Key: credentials.Key})
	return a.etcd, err
}
