package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"provision/provision/cluster"
	"provision/provision/secret"
)

// FieldManager is our name in managedFields.
const FieldManager = cluster.FieldManager

// DialFunc opens a connection to an address of the cluster.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Options say how to reach the API.
type Options struct {
	Dial    DialFunc
	Servers []string // host:port of the masters, tried in order from the last that answered
	// ServerName is verified in the servers' certificates;
	// kubernetes.default.svc when empty.
	ServerName string
	CA, Cert   []byte       // PEM
	Key        secret.Value // PEM
	// Wrap, if set, sees every request, for traces and tests.
	Wrap func(http.RoundTripper) http.RoundTripper
}

// Client speaks to the API of one cluster. It is safe for concurrent use.
type Client struct {
	config    *rest.Config
	http      *http.Client
	rest      rest.Interface
	dynamic   dynamic.Interface
	discovery discovery.CachedDiscoveryInterface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
}

// New prepares a client. It opens no connection.
func New(options Options) (*Client, error) {
	if options.Dial == nil || len(options.Servers) == 0 {
		return nil, errors.New("cannot reach the Kubernetes API: no master is known")
	}
	if options.ServerName == "" {
		options.ServerName = "kubernetes.default.svc"
	}
	dialer := &failover{dial: options.Dial, servers: options.Servers}
	config := &rest.Config{
		Host:      "https://" + options.ServerName,
		Dial:      dialer.dialContext,
		QPS:       -1, // the server has priority and fairness
		UserAgent: FieldManager,
		TLSClientConfig: rest.TLSClientConfig{
			ServerName: options.ServerName, CAData: options.CA, CertData: options.Cert, KeyData: options.Key.Bytes(),
		},
		// Warnings are for authors of manifests, not for a terminal.
		WarningHandler: rest.NoWarnings{},
		// The operator's proxy has no route to a tunnel's far end.
		Proxy:         http.ProxyURL(nil),
		WrapTransport: options.Wrap,
	}
	return build(config)
}

func build(config *rest.Config) (*Client, error) {
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("preparing the connection to the Kubernetes API: %w", err)
	}
	disco, err := discovery.NewDiscoveryClientForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("preparing the Kubernetes client: %w", err)
	}
	dyn, err := dynamic.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("preparing the Kubernetes client: %w", err)
	}
	cached := memory.NewMemCacheClient(disco)
	return &Client{
		config: config, http: httpClient, rest: disco.RESTClient(), dynamic: dyn,
		discovery: cached, mapper: restmapper.NewDeferredDiscoveryRESTMapper(cached),
	}, nil
}

// Config is a configuration for libraries that build clients of their own. It
// hands them this client's transport, so that they share its connection.
func (c *Client) Config() *rest.Config {
	return &rest.Config{
		Host: c.config.Host, QPS: c.config.QPS, UserAgent: c.config.UserAgent,
		WarningHandler: c.config.WarningHandler, Transport: c.http.Transport,
	}
}

// Discovery is the cached discovery client.
func (c *Client) Discovery() discovery.CachedDiscoveryInterface { return c.discovery }

// Mapper maps kinds to resources by discovery.
func (c *Client) Mapper() *restmapper.DeferredDiscoveryRESTMapper { return c.mapper }

// Dynamic is the dynamic client.
func (c *Client) Dynamic() dynamic.Interface { return c.dynamic }

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// failover dials the server that answered last, then the others in order.
type failover struct {
	dial    DialFunc
	servers []string
	last    atomic.Int64
}

// dialContext ignores the address asked for: it is a name for TLS only.
func (f *failover) dialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	var failures []error
	first := f.last.Load()
	for i := range f.servers {
		n := (int(first) + i) % len(f.servers)
		conn, err := f.dial(ctx, network, f.servers[n])
		if err == nil {
			f.last.Store(int64(n))
			return conn, nil
		}
		failures = append(failures, fmt.Errorf("dialling %s: %w", f.servers[n], err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failures...)
}

// builtin maps the kinds used most without asking the server.
func builtin(gvk schema.GroupVersionKind) (resource string, namespaced, known bool) {
	type entry struct {
		resource   string
		namespaced bool
	}
	table := map[schema.GroupKind]entry{
		{Kind: "Namespace"}:      {"namespaces", false},
		{Kind: "Node"}:           {"nodes", false},
		{Kind: "ConfigMap"}:      {"configmaps", true},
		{Kind: "Secret"}:         {"secrets", true},
		{Kind: "Service"}:        {"services", true},
		{Kind: "ServiceAccount"}: {"serviceaccounts", true},
		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:        {"clusterroles", false},
		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: {"clusterrolebindings", false},
		{Group: "rbac.authorization.k8s.io", Kind: "Role"}:               {"roles", true},
		{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        {"rolebindings", true},
		{Group: "scheduling.k8s.io", Kind: "PriorityClass"}:              {"priorityclasses", false},
		{Group: "storage.k8s.io", Kind: "StorageClass"}:                  {"storageclasses", false},
	}
	e, known := table[gvk.GroupKind()]
	return e.resource, e.namespaced, known
}
