package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var env = Env{Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}

func request(t *testing.T, r Request) ([]byte, Key) {
	t.Helper()
	key, err := NewKey(env)
	require.NoError(t, err)
	csr, err := CSR(env, key, r)
	require.NoError(t, err)
	return csr, key
}

func authority(t *testing.T, life time.Duration) CA {
	t.Helper()
	ca, err := NewCA(env, "dc1 cluster", life)
	require.NoError(t, err)
	return ca
}

func TestSignedCertificateVerifies(t *testing.T) {
	ca := authority(t, 0)
	csr, _ := request(t, Request{CommonName: "etcd", Organizations: []string{"ops"}, DNSNames: []string{"m1"}, IPs: []string{"10.0.0.1", "::1"}})
	text, err := ca.Sign(env, csr, Leaf{Server: true, Life: time.Hour})
	require.NoError(t, err)
	cert, err := ParseCert(text)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	for _, name := range []string{"m1", "10.0.0.1", "::1"} {
		_, err = cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: env.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		assert.NoError(t, err, name)
	}
	_, err = cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: env.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	assert.Error(t, err, "a server's certificate is no client's")
	assert.Equal(t, ca.Cert.SubjectKeyId, cert.AuthorityKeyId)
	assert.NotEmpty(t, cert.SubjectKeyId)
	assert.Equal(t, env.Now.Add(-Skew), cert.NotBefore, "not before the authority, which is dated back as well")
	assert.Equal(t, env.Now.Add(time.Hour), cert.NotAfter)
	assert.Equal(t, []string{"ops"}, cert.Subject.Organization)
	assert.Len(t, Fingerprint(cert), 64)
}

func TestLifeEndsWithTheAuthority(t *testing.T) {
	ca := authority(t, time.Hour)
	csr, _ := request(t, Request{CommonName: "x"})
	text, err := ca.Sign(env, csr, Leaf{Client: true, Life: 48 * time.Hour})
	require.NoError(t, err)
	cert, err := ParseCert(text)
	require.NoError(t, err)
	assert.Equal(t, ca.Cert.NotAfter, cert.NotAfter)
	_, err = ca.Sign(Env{Now: env.Now.Add(2 * time.Hour)}, csr, Leaf{Client: true, Life: time.Hour})
	assert.ErrorContains(t, err, "ended on")
}

func TestSigningRefuses(t *testing.T) {
	ca := authority(t, 0)
	good, _ := request(t, Request{CommonName: "x"})
	masters, _ := request(t, Request{CommonName: "x", Organizations: []string{"system:masters"}})
	nobody, _ := request(t, Request{})
	forged := append([]byte(nil), good...)
	forged[len(forged)-1] ^= 1
	tests := map[string]struct {
		csr  []byte
		leaf Leaf
		want string
	}{
		"no usage":       {good, Leaf{Life: time.Hour}, "servers or clients"},
		"no life":        {good, Leaf{Client: true}, "positive"},
		"system:masters": {masters, Leaf{Client: true, Life: time.Hour}, "never given for longer"},
		"no name":        {nobody, Leaf{Client: true, Life: time.Hour}, "names nobody"},
		"forged":         {forged, Leaf{Client: true, Life: time.Hour}, "certificate request"},
		"garbage":        {[]byte("x"), Leaf{Client: true, Life: time.Hour}, "reading certificate request"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ca.Sign(env, test.csr, test.leaf)
			if name == "forged" {
				require.Error(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestAuthoritySurvivesItsFiles(t *testing.T) {
	ca, other := authority(t, 0), authority(t, 0)
	key, err := ca.Key.PEM()
	require.NoError(t, err)
	again, err := ParseCA(ca.CertPEM(), key)
	require.NoError(t, err)
	assert.Equal(t, Fingerprint(ca.Cert), Fingerprint(again.Cert))
	assert.NotEqual(t, ca.Cert.SerialNumber, other.Cert.SerialNumber)
	_, err = ParseCA(other.CertPEM(), key)
	assert.ErrorContains(t, err, "does not belong")
	for _, bad := range []string{"", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", string(ca.CertPEM())} {
		_, err = ParseKey([]byte(bad))
		assert.Error(t, err)
	}
	_, err = ParseCert([]byte("nothing"))
	assert.Error(t, err)
}

func TestKeysShowInNoText(t *testing.T) {
	ca := authority(t, 0)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		assert.Equal(t, "(private key)", fmt.Sprintf(verb, ca.Key))
		assert.NotContains(t, fmt.Sprintf(verb, ca), ca.Key.private.D.String()) //nolint:staticcheck // the number is what must not show
	}
}

func TestOperatorsAccessServesTLS(t *testing.T) {
	now := Env{}
	ca, err := NewCA(now, "now", 0)
	require.NoError(t, err)
	profile := Operator("ann")
	csr, key := request(t, profile.Request(nil, nil))
	text, err := ca.Sign(now, csr, profile.Leaf())
	require.NoError(t, err)
	cert, err := ParseCert(text)
	require.NoError(t, err)
	serverCSR, serverKey := request(t, Request{CommonName: "s", IPs: []string{"127.0.0.1"}})
	serverText, err := ca.Sign(now, serverCSR, Leaf{Server: true, Life: time.Hour})
	require.NoError(t, err)
	server, err := ParseCert(serverText)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	a, b := net.Pipe()
	done := make(chan error, 1)
	s := tls.Server(a, &tls.Config{ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey.Signer()}}})
	go func() { done <- s.Handshake() }()
	c := tls.Client(b, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key.Signer()}}})
	require.NoError(t, c.Handshake())
	require.NoError(t, <-done)
	assert.Equal(t, []string{Admin}, s.ConnectionState().PeerCertificates[0].Subject.Organization)
}

func FuzzParsers(f *testing.F) {
	ca, err := NewCA(env, "x", 0)
	require.NoError(f, err)
	f.Add(ca.CertPEM())
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = ParseCert(text)
		_, _ = ParseKey(text)
		_, _ = ca.Sign(env, text, Leaf{Client: true, Life: time.Hour})
	})
}

func TestARenewedAuthorityIsTheSame(t *testing.T) {
	old, err := NewCA(Env{}, "dc1 cluster", time.Hour)
	require.NoError(t, err)
	renewed, err := old.Renewed(Env{}, 2*time.Hour)
	require.NoError(t, err)
	a, b := string(old.CertPEM()), string(renewed.CertPEM())
	assert.True(t, Succeeds(a, b))
	assert.False(t, Succeeds(b, a), "the older one does not")
	assert.False(t, Succeeds(a, a))
	assert.False(t, Succeeds(a, a+b), "two are a replacement")
	assert.False(t, Succeeds("", b))
	other, err := NewCA(Env{}, "dc1 cluster", 3*time.Hour)
	require.NoError(t, err)
	c := string(other.CertPEM())
	assert.False(t, Succeeds(a, c), "another key")
	assert.True(t, Succeeds(a+c, b+c), "it is being replaced by another")
	assert.False(t, Succeeds(b+c, a+c))
	assert.False(t, Succeeds(a+c, b), "nothing else goes")
	assert.False(t, Succeeds(a+c, b+a), "or becomes another")

	key, err := NewKey(Env{})
	require.NoError(t, err)
	csr, err := CSR(Env{}, key, Request{CommonName: "x"})
	require.NoError(t, err)
	signed, err := old.Sign(Env{}, csr, Leaf{Client: true, Life: time.Minute})
	require.NoError(t, err)
	leaf, err := ParseCert(signed)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(renewed.Cert)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	assert.NoError(t, err, "what the authority signed before stays good")
}
