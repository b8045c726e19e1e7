package renewal

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent"
	"provision/provision/agent/measure"
	"provision/provision/facts"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/pki"
	"provision/provision/resource/cert"
)

// signingMaster is a master that holds the cluster's key, and knows host n1.
func signingMaster(t *testing.T) (*renewer, pki.CA) {
	t.Helper()
	fake, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	ca, err := pki.NewCA(pki.Env{Now: fake.Now()}, pki.ClusterCA, 24*time.Hour)
	require.NoError(t, err)
	secret, err := ca.Key.PEM()
	require.NoError(t, err)
	require.NoError(t, fake.Put(system.IdentityDir+"/"+system.ClusterKey, string(secret), 0o600))
	options := agent.Options{System: fake.System, Network: measure.KernelNetwork{}}
	held, err := ledger.Open(fake.Files.Path(system.LedgerDir), ledger.Holder{Name: "test", Epoch: 1})
	require.NoError(t, err)
	identity := facts.Identity{UUID: "u1", CAs: map[string]string{pki.ClusterCA: string(ca.CertPEM())}, Holds: []string{system.ClusterKey}}
	require.NoError(t, held.SetIdentity(&identity, nil))
	require.NoError(t, held.SetRoster(facts.Roster{Hosts: []facts.RosterHost{{Name: "n1", Address: "10.0.0.1", Certs: digests()}}}))
	require.NoError(t, held.Close())
	r := &renewer{Alone: agent.NewAlone(options), options: options, say: t.Logf}
	r.state, err = r.State()
	require.NoError(t, err)
	r.config.Host, r.config.Life = "m1", time.Hour
	return r, ca
}

// requests is an API server that has requests of certificates, and notes what
// is put.
type requests struct {
	mu   sync.Mutex
	all  map[string]csrObject
	puts []string
}

func (q *requests) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if request.Method == http.MethodGet {
		list := map[string]any{"items": slices.Collect(maps.Values(q.all))}
		_ = json.NewEncoder(w).Encode(list)
		return
	}
	name, what, _ := strings.Cut(strings.TrimPrefix(request.URL.Path, csrPath+"/"), "/")
	var object csrObject
	_ = json.NewDecoder(request.Body).Decode(&object)
	q.all[name] = object
	q.puts = append(q.puts, name+" "+what)
	_ = json.NewEncoder(w).Encode(object)
}

// serves starts an API server whose certificate the authority signed.
func serves(t *testing.T, handler http.Handler, ca pki.CA, now time.Time) (address string) {
	t.Helper()
	key, err := pki.NewKey(pki.Env{Now: now})
	require.NoError(t, err)
	csr, err := pki.CSR(pki.Env{Now: now}, key, pki.Request{CommonName: "api", IPs: []string{"127.0.0.1"}})
	require.NoError(t, err)
	crt, err := ca.Sign(pki.Env{Now: now}, csr, pki.Leaf{Server: true, Life: time.Hour})
	require.NoError(t, err)
	secret, err := key.PEM()
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(crt, secret)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// A master may die between its yes and its certificate: another one, or itself
// an hour later, goes on with that request.
func TestRequestsThatWereApprovedOnlyAreSigned(t *testing.T) {
	r, ca := signingMaster(t)
	key, err := pki.NewKey(pki.Env{})
	require.NoError(t, err)
	ask := func(name, commonName string, conditions ...string) csrObject {
		csr, err := pki.CSR(pki.Env{}, key, pki.Request{CommonName: commonName})
		require.NoError(t, err)
		var o csrObject
		o.Metadata.Name, o.Metadata.ResourceVersion = name, "7"
		o.Spec.Request = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
		o.Spec.SignerName, o.Spec.Usages = cert.ClusterSigner, []string{"digital signature", "client auth"}
		o.Spec.Username, o.Spec.Groups = pki.HostUser("n1"), []string{pki.Hosts}
		for _, c := range conditions {
			o.Status.Conditions = append(o.Status.Conditions, csrCondition{Type: c, Status: "True"})
		}
		return o
	}
	const ours, foreign = "system:kube-proxy", "system:kube-scheduler"
	q := &requests{all: map[string]csrObject{}}
	for _, o := range []csrObject{
		ask("new", ours), ask("approved", ours, "Approved"), ask("denied", ours, "Denied"), ask("failed", ours, "Approved", "Failed"),
		ask("foreign", foreign), ask("foreign-approved", foreign, "Approved"),
	} {
		q.all[o.Metadata.Name] = o
	}
	done := ask("done", ours, "Approved")
	done.Status.Certificate = []byte("certificate")
	q.all["done"] = done

	r.config.Local = serves(t, q, ca, r.System().Now())
	require.NoError(t, r.serve(t.Context(), pki.ClusterCA))
	assert.ElementsMatch(t, []string{"new approval", "new status", "approved status", "foreign approval"}, q.puts)
	for _, name := range []string{"new", "approved"} {
		assert.Contains(t, string(q.all[name].Status.Certificate), "BEGIN CERTIFICATE", name)
		assert.Equal(t, "7", q.all[name].Metadata.ResourceVersion, "of two masters, one is refused")
		assert.Equal(t, "CertificateSigningRequest", q.all[name].Kind)
	}
	assert.Equal(t, "Denied", q.all["foreign"].Status.Conditions[0].Type)
	assert.Empty(t, q.all["foreign-approved"].Status.Certificate, "whoever approved it")
}
