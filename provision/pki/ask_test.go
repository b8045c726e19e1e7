package pki

import (
	"crypto/x509"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAsksAreTheSameInAnyOrderAndNoOthers(t *testing.T) {
	base := func() Ask {
		return Ask{CA: ClusterCA, CommonName: "a", Organizations: []string{"x", "y"}, DNSNames: []string{"n1", "n1.lan"}, IPs: []string{"10.0.0.1", "fd00::1"}, Client: true}
	}
	turned := base()
	turned.Organizations, turned.DNSNames, turned.IPs = []string{"y", "x"}, []string{"n1.lan", "n1"}, []string{"fd00:0::1", "10.0.0.1"}
	assert.Equal(t, base().Digest(), turned.Digest())
	assert.Equal(t, []string{"fd00:0::1", "10.0.0.1"}, turned.IPs, "it is not changed")
	for name, change := range map[string]func(*Ask){
		"authority": func(a *Ask) { a.CA = EtcdCA }, "name": func(a *Ask) { a.CommonName = "b" },
		"group": func(a *Ask) { a.Organizations = []string{"x"} }, "groups in one": func(a *Ask) { a.Organizations = []string{"x,y"} },
		"DNS": func(a *Ask) { a.DNSNames = append(a.DNSNames, "k") }, "address": func(a *Ask) { a.IPs[0] = "10.0.0.2" },
		"address as name": func(a *Ask) { a.DNSNames, a.IPs = append(a.DNSNames, a.IPs[0]), a.IPs[1:] },
		"server":          func(a *Ask) { a.Server = true }, "no client": func(a *Ask) { a.Client = false },
	} {
		other := base()
		change(&other)
		assert.NotEqual(t, base().Digest(), other.Digest(), name)
	}
}

func TestRequestsForMoreThanAnAskSaysAreRefused(t *testing.T) {
	key, err := NewKey(Env{})
	require.NoError(t, err)
	der, err := CSR(Env{}, key, Request{CommonName: "a", Organizations: []string{"x"}, DNSNames: []string{"n1"}, IPs: []string{"10.0.0.1"}})
	require.NoError(t, err)
	read := func() *x509.CertificateRequest {
		csr, err := x509.ParseCertificateRequest(der)
		require.NoError(t, err)
		return csr
	}
	ask, err := AskOf(EtcdCA, read(), true, false)
	require.NoError(t, err)
	assert.Equal(t, Ask{CA: EtcdCA, CommonName: "a", Organizations: []string{"x"}, DNSNames: []string{"n1"}, IPs: []string{"10.0.0.1"}, Server: true}, ask)
	for name, change := range map[string]func(*x509.CertificateRequest){
		"mail":              func(c *x509.CertificateRequest) { c.EmailAddresses = []string{"a@example.org"} },
		"URI":               func(c *x509.CertificateRequest) { c.URIs = []*url.URL{{Scheme: "spiffe"}} },
		"more of a subject": func(c *x509.CertificateRequest) { c.Subject.Names = append(c.Subject.Names, c.Subject.Names[0]) },
	} {
		csr := read()
		change(csr)
		_, err := AskOf(EtcdCA, csr, true, false)
		assert.Error(t, err, name)
	}
}

func TestHostsAreKnownByNameAndGroup(t *testing.T) {
	for user, want := range map[string]string{HostUser("n1"): "n1", "system:node:n1": "", "provision:host:": "", "n1": ""} {
		host, ok := HostOf(user, []string{"system:authenticated", Hosts})
		assert.Equal(t, want != "", ok, user)
		if ok {
			assert.Equal(t, want, host)
		}
	}
	_, ok := HostOf(HostUser("n1"), []string{"system:nodes"})
	assert.False(t, ok)
}
