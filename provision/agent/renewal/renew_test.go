package renewal

import (
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent"
	"provision/provision/facts"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/pki"
	"provision/test/faults"
)

// digests are those of the certificates that host n1 has.
func digests() []string {
	node := pki.Ask{CA: pki.ClusterCA, CommonName: "system:node:n1", Organizations: []string{"system:nodes"}}
	server := node
	server.Server, server.DNSNames, server.IPs = true, []string{"n1"}, []string{"10.0.0.1", "127.0.0.1"}
	node.Client = true
	proxy := pki.Ask{CA: pki.ClusterCA, CommonName: "system:kube-proxy", Client: true}
	etcd := pki.Ask{CA: pki.EtcdCA, CommonName: "kube-apiserver-etcd-client", Client: true}
	return []string{node.Digest(), server.Digest(), proxy.Digest(), etcd.Digest()}
}

// Whoever has a host's access may ask for anything: only what that host has
// already is signed.
func TestHostsGetOnlyTheirOwnCertificates(t *testing.T) {
	r := &renewer{state: ledger.State{Roster: &facts.Roster{Hosts: []facts.RosterHost{{Name: "n1", Address: "10.0.0.1", Certs: digests()}, {Name: "n2", Address: "10.0.0.2"}}}}}
	r.config.Life = time.Hour
	key, err := pki.NewKey(pki.Env{})
	require.NoError(t, err)
	object := func(edit func(*csrObject, *pki.Request)) csrObject {
		var o csrObject
		o.Spec.Username, o.Spec.Groups = pki.HostUser("n1"), []string{pki.Hosts, "system:authenticated"}
		o.Spec.Usages = []string{"digital signature", "server auth"}
		request := pki.Request{CommonName: "system:node:n1", Organizations: []string{"system:nodes"}, DNSNames: []string{"n1"}, IPs: []string{"10.0.0.1", "127.0.0.1"}}
		if edit != nil {
			edit(&o, &request)
		}
		csr, err := pki.CSR(pki.Env{}, key, request)
		require.NoError(t, err)
		if o.Spec.Request == nil {
			o.Spec.Request = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
		}
		return o
	}
	request, err := r.judge(pki.ClusterCA, object(nil))
	require.NoError(t, err)
	assert.Equal(t, pki.ClusterCA, request.CA)
	assert.Equal(t, time.Hour, request.Life)
	assert.True(t, request.Server)
	assert.False(t, request.Client)
	_, err = r.judge(pki.ClusterCA, object(func(o *csrObject, q *pki.Request) {
		o.Spec.Usages = []string{"client auth"}
		*q = pki.Request{CommonName: "system:kube-proxy"}
	}))
	require.NoError(t, err)

	request, err = r.judge(pki.EtcdCA, object(func(o *csrObject, q *pki.Request) {
		o.Spec.Usages = []string{"client auth"}
		*q = pki.Request{CommonName: "kube-apiserver-etcd-client"}
	}))
	require.NoError(t, err)
	assert.Equal(t, pki.EtcdCA, request.CA)

	bad := map[string]func(*csrObject, *pki.Request){
		"a person":         func(o *csrObject, _ *pki.Request) { o.Spec.Username = "alice" },
		"not in the group": func(o *csrObject, _ *pki.Request) { o.Spec.Groups = []string{"system:authenticated"} },
		"its Node": func(o *csrObject, _ *pki.Request) {
			o.Spec.Username, o.Spec.Groups = "system:node:n1", []string{"system:nodes"}
		},
		"no name":             func(o *csrObject, _ *pki.Request) { o.Spec.Username = pki.HostUser("") },
		"another host's name": func(o *csrObject, _ *pki.Request) { o.Spec.Username = pki.HostUser("n2") },
		"a host not listed":   func(o *csrObject, _ *pki.Request) { o.Spec.Username = pki.HostUser("n9") },
		"another authority's": func(o *csrObject, q *pki.Request) {
			o.Spec.Usages = []string{"client auth"}
			*q = pki.Request{CommonName: "kube-apiserver-etcd-client"}
		},
		"another address":      func(_ *csrObject, q *pki.Request) { q.IPs = []string{"10.0.0.2", "127.0.0.1"} },
		"one more address":     func(_ *csrObject, q *pki.Request) { q.IPs = append(q.IPs, "10.0.0.9") },
		"one more name":        func(_ *csrObject, q *pki.Request) { q.DNSNames = append(q.DNSNames, "kubernetes.default") },
		"another group":        func(_ *csrObject, q *pki.Request) { q.Organizations = []string{"system:masters"} },
		"one more group":       func(_ *csrObject, q *pki.Request) { q.Organizations = append(q.Organizations, pki.Admin) },
		"a component's":        func(_ *csrObject, q *pki.Request) { q.CommonName = "system:kube-controller-manager" },
		"more uses":            func(o *csrObject, _ *pki.Request) { o.Spec.Usages = append(o.Spec.Usages, "client auth") },
		"a server of services": func(_ *csrObject, q *pki.Request) { *q = pki.Request{CommonName: "system:kube-proxy"} },
		"no request":           func(o *csrObject, _ *pki.Request) { o.Spec.Request = []byte("nonsense") },
	}
	for name, edit := range bad {
		_, err := r.judge(pki.ClusterCA, object(edit))
		assert.Error(t, err, name)
	}
	faults.Record(t, "certs-only-its-own", "with its own access a host gets only its own certificates signed",
		"requests under another name, by people, with more names, addresses, groups or uses", "%d requests, all refused", len(bad))
}

func FuzzJudge(f *testing.F) {
	f.Add(pki.HostUser("n1"), []byte("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"))
	r := &renewer{state: ledger.State{Roster: &facts.Roster{Hosts: []facts.RosterHost{{Name: "n1", Address: "10.0.0.1", Certs: digests()}}}}}
	f.Fuzz(func(t *testing.T, user string, request []byte) {
		var o csrObject
		o.Spec.Username, o.Spec.Groups, o.Spec.Request = user, []string{pki.Hosts}, request
		if _, err := r.judge(pki.ClusterCA, o); err == nil {
			assert.Equal(t, pki.HostUser("n1"), user)
		}
	})
}

// Runs wait for a lock that is needed for a moment only.
func TestTheTimersLockIsBrief(t *testing.T) {
	root := t.TempDir()
	var seen ledger.Holder
	fake, err := systemfake.Open(root, systemfake.Options{Point: func(name string) {
		if name == "locked" {
			raw, err := os.ReadFile(filepath.Join(root, system.LedgerDir, "lock"))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(raw, &seen))
		}
	}})
	require.NoError(t, err)
	r := &renewer{options: agent.Options{System: fake.System}, state: ledger.State{Identity: &facts.Identity{UUID: "u1"}}}
	r.Alone = agent.NewAlone(r.options)
	r.config.Host = "m1"
	require.NoError(t, r.put(t.Context(), nil, nil))
	assert.True(t, seen.Brief)
	assert.Equal(t, "the renewal timer of m1", seen.Name)
}
