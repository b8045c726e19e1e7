//go:build cluster

package kubetest

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision/etcd"
	"provision/provision/kube"
	"provision/provision/secret"
)

// Etcd is one running member.
type Etcd struct {
	*Process
	Name, ClientURL, PeerURL string
	dir                      string
	ca                       *CA
}

// StartEtcd starts a member with TLS for clients. Initial is the value of
// --initial-cluster, "" for a cluster of one.
func StartEtcd(t testing.TB, ca *CA, name, peerURL, initial string) *Etcd {
	t.Helper()
	if peerURL == "" {
		peerURL = "http://127.0.0.1:" + Port(t)
	}
	state := "existing"
	if initial == "" {
		initial, state = name+"="+peerURL, "new"
	}
	e := &Etcd{Name: name, PeerURL: peerURL, ClientURL: "https://127.0.0.1:" + Port(t), dir: t.TempDir(), ca: ca}
	cert, key := ca.Issue(t, name, "").write(t, e.dir, "etcd")
	authority := filepath.Join(e.dir, "ca.crt")
	require.NoError(t, os.WriteFile(authority, ca.PEM, 0o600))
	e.Process = Start(t, "etcd", "--name", name, "--data-dir", filepath.Join(e.dir, "data"),
		"--listen-client-urls", e.ClientURL, "--advertise-client-urls", e.ClientURL,
		"--listen-peer-urls", peerURL, "--initial-advertise-peer-urls", peerURL,
		"--initial-cluster", initial, "--initial-cluster-state", state,
		"--cert-file", cert, "--key-file", key, "--trusted-ca-file", authority, "--client-cert-auth",
		"--heartbeat-interval", "50", "--election-timeout", "500", "--unsafe-no-fsync")
	return e
}

// EtcdClient is a client of the members.
func EtcdClient(t testing.TB, ca *CA, endpoints ...string) *etcd.Client {
	t.Helper()
	pair := ca.Issue(t, "client", "")
	client, err := etcd.New(etcd.Options{Dial: dial, Endpoints: endpoints, CA: ca.PEM, Cert: pair.Cert, Key: secret.Of(pair.Key)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, address)
}

// API is a running API server with an etcd of its own.
type API struct {
	*Process
	Server string // host:port
	CA     *CA
	Etcd   *Etcd
	admin  Pair
	args   []string
}

// StartAPI starts etcd and an API server, without waiting for it.
func StartAPI(t testing.TB) *API {
	t.Helper()
	ca := NewCA(t)
	a := &API{CA: ca, Etcd: StartEtcd(t, ca, "e1", "", ""), admin: ca.Issue(t, "tester", "system:masters")}
	port, dir := Port(t), t.TempDir()
	a.Server = "127.0.0.1:" + port
	cert, key := ca.Issue(t, "kube-apiserver", "", "kubernetes", "kubernetes.default.svc", "localhost").write(t, dir, "apiserver")
	authority := filepath.Join(dir, "ca.crt")
	require.NoError(t, os.WriteFile(authority, ca.PEM, 0o600))
	a.args = []string{
		"--etcd-servers", a.Etcd.ClientURL, "--etcd-cafile", authority, "--etcd-certfile", cert, "--etcd-keyfile", key,
		"--bind-address", "127.0.0.1", "--secure-port", port, "--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none",
		"--tls-cert-file", cert, "--tls-private-key-file", key, "--client-ca-file", authority,
		"--service-account-issuer", "https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file", cert, "--service-account-signing-key-file", key,
		"--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "Node,RBAC", "--anonymous-auth=false",
	}
	a.Process = Start(t, "kube-apiserver", a.args...)
	return a
}

// Restart kills the API server and starts it anew.
func (a *API) Restart(t testing.TB) {
	t.Helper()
	a.Kill()
	a.Process = Start(t, "kube-apiserver", a.args...)
}

// Client is an administrator's client. Wrap may be nil.
func (a *API) Client(t testing.TB, wrap func(http.RoundTripper) http.RoundTripper) *kube.Client {
	t.Helper()
	client, err := kube.New(kube.Options{
		Dial: dial, Servers: []string{a.Server}, CA: a.CA.PEM, Cert: a.admin.Cert, Key: secret.Of(a.admin.Key), Wrap: wrap,
	})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// ReadyClient is a client of an API that answers.
func (a *API) ReadyClient(t testing.TB) *kube.Client {
	t.Helper()
	client := a.Client(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, client.WaitReady(ctx))
	return client
}

// Kubeconfig is an administrator's kubeconfig, in a file of the test.
func (a *API) Kubeconfig(t testing.TB) string {
	t.Helper()
	raw, err := kube.Kubeconfig("test", "https://"+a.Server, "", a.CA.PEM, a.admin.Cert, secret.Of(a.admin.Key))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	return path
}
