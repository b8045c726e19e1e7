package signing

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/resource/cert"
)

func TestHostsGetOnlyTheCertificatesOfTheirPlan(t *testing.T) {
	spec := cert.Spec{CA: "cluster", CommonName: "system:node:n1", Organizations: []string{"system:nodes"},
		DNSNames: []string{"n1"}, IPs: []string{"10.0.0.1"}, Client: true, Life: time.Hour, Key: "/k"}
	ask := func(change func(*x509.CertificateRequest, *system.SignRequest)) system.SignRequest {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		csr := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:n1", Organization: []string{"system:nodes"}},
			DNSNames: []string{"n1"}, IPAddresses: []net.IP{net.ParseIP("10.0.0.1")}}
		request := system.SignRequest{CA: "cluster", Client: true, Life: time.Hour}
		change(csr, &request)
		request.CSR, err = x509.CreateCertificateRequest(rand.Reader, csr, key)
		require.NoError(t, err)
		return request
	}
	none := func(*x509.CertificateRequest, *system.SignRequest) {}
	var s Expected
	require.ErrorContains(t, s.Check("n1", ask(none)), "refusing", "no step of it is under way")
	done, err := s.Expect(cert.New("n1", "/c", spec))
	require.NoError(t, err)
	require.NoError(t, s.Check("n1", ask(none)))
	require.Error(t, s.Check("n2", ask(none)), "another host's")
	refused := map[string]func(*x509.CertificateRequest, *system.SignRequest){
		"admin": func(c *x509.CertificateRequest, _ *system.SignRequest) {
			c.Subject.Organization = []string{"provision:admins"}
		},
		"name":       func(c *x509.CertificateRequest, _ *system.SignRequest) { c.Subject.CommonName = "system:node:n2" },
		"dns":        func(c *x509.CertificateRequest, _ *system.SignRequest) { c.DNSNames = append(c.DNSNames, "kubernetes") },
		"address":    func(c *x509.CertificateRequest, _ *system.SignRequest) { c.IPAddresses = nil },
		"mail":       func(c *x509.CertificateRequest, _ *system.SignRequest) { c.EmailAddresses = []string{"a@example.org"} },
		"other CA":   func(_ *x509.CertificateRequest, r *system.SignRequest) { r.CA = "etcd" },
		"server use": func(_ *x509.CertificateRequest, r *system.SignRequest) { r.Server = true },
		"life":       func(_ *x509.CertificateRequest, r *system.SignRequest) { r.Life = 10 * time.Hour },
	}
	for name, change := range refused {
		require.Error(t, s.Check("n1", ask(change)), name)
	}
	done()
	require.Error(t, s.Check("n1", ask(none)), "its step is over")
}
