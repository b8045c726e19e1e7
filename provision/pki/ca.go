package pki

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha1" //nolint:gosec // RFC 5280 names keys by SHA-1; nothing rests on it
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// CA is a certificate authority: certificate and key.
type CA struct {
	Cert *x509.Certificate
	Key  Key
}

// String names the authority, without its key.
func (c CA) String() string { return "CA " + c.Cert.Subject.CommonName }

// NewCA makes an authority that signs leaves only. A life of 0 is CALife.
func NewCA(env Env, name string, life time.Duration) (CA, error) {
	env = env.fill()
	if life <= 0 {
		life = CALife
	}
	key, err := NewKey(env)
	if err != nil {
		return CA{}, err
	}
	return certify(env, name, key, life)
}

// Renewed is the authority with a later certificate: the same name and key, so
// that everything that it has signed stays good.
func (c CA) Renewed(env Env, life time.Duration) (CA, error) {
	if life <= 0 {
		life = CALife
	}
	return certify(env.fill(), c.Cert.Subject.CommonName, c.Key, life)
}

// Succeeds reports whether next, a PEM text, is a later certificate of the
// authority of the PEM text old; of several it is the first, which signs, and
// the others must be the same. Only who has its key can make one. Of any two,
// one succeeds the other, so that hosts agree in the end.
func Succeeds(old, next string) bool {
	a, b := ParseCerts([]byte(old)), ParseCerts([]byte(next))
	if len(a) == 0 || len(b) == 0 || !slices.EqualFunc(a[1:], b[1:], (*x509.Certificate).Equal) {
		return false
	}
	public, ok := a[0].PublicKey.(*ecdsa.PublicKey)
	return ok && public.Equal(b[0].PublicKey) && bytes.Equal(a[0].RawSubject, b[0].RawSubject) && b[0].IsCA &&
		b[0].CheckSignatureFrom(b[0]) == nil &&
		cmp.Or(b[0].NotAfter.Compare(a[0].NotAfter), bytes.Compare(b[0].Raw, a[0].Raw)) > 0
}

// certify has an authority sign its own certificate.
func certify(env Env, name string, key Key, life time.Duration) (CA, error) {
	number, err := serial(env)
	if err != nil {
		return CA{}, err
	}
	id, err := keyID(key.Public())
	if err != nil {
		return CA{}, err
	}
	template := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: name},
		NotBefore: env.Now.Add(-Skew), NotAfter: env.Now.Add(life),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:     x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		SubjectKeyId: id, AuthorityKeyId: id,
	}
	raw, err := x509.CreateCertificate(env.Random, template, template, key.Public(), key.private)
	if err != nil {
		return CA{}, fmt.Errorf("making CA %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return CA{}, fmt.Errorf("making CA %s: %w", name, err)
	}
	return CA{Cert: cert, Key: key}, nil
}

// ParseCA reads an authority and checks that certificate and key belong together.
func ParseCA(certPEM, keyPEM []byte) (CA, error) {
	cert, err := ParseCert(certPEM)
	if err != nil {
		return CA{}, err
	}
	key, err := ParseKey(keyPEM)
	if err != nil {
		return CA{}, err
	}
	if !cert.IsCA {
		return CA{}, fmt.Errorf("reading CA %s: the certificate is not that of an authority", cert.Subject.CommonName)
	}
	if public, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(key.Public()) {
		return CA{}, fmt.Errorf("reading CA %s: the key does not belong to the certificate", cert.Subject.CommonName)
	}
	return CA{Cert: cert, Key: key}, nil
}

// CertPEM is the authority's certificate.
func (c CA) CertPEM() []byte { return encode("CERTIFICATE", c.Cert.Raw) }

// Leaf says what a certificate may do. Names come from the request.
type Leaf struct {
	Server, Client bool
	Life           time.Duration
}

// Sign turns a request (DER) into a certificate (PEM). The authority decides:
// only the request's subject and names are taken over, never its extensions;
// the life ends with the authority's at the latest.
func (c CA) Sign(env Env, der []byte, leaf Leaf) ([]byte, error) {
	env = env.fill()
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fmt.Errorf("reading certificate request: %w", err)
	}
	if err := c.check(env, request, leaf); err != nil {
		return nil, fmt.Errorf("cannot sign the certificate of %q with %s: %w", request.Subject.CommonName, c, err)
	}
	number, err := serial(env)
	if err != nil {
		return nil, err
	}
	id, err := keyID(request.PublicKey)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: number,
		Subject:      pkix.Name{CommonName: request.Subject.CommonName, Organization: request.Subject.Organization},
		NotBefore:    latest(env.Now.Add(-Skew), c.Cert.NotBefore), NotAfter: earliest(env.Now.Add(leaf.Life), c.Cert.NotAfter),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		DNSNames: request.DNSNames, IPAddresses: request.IPAddresses,
		SubjectKeyId: id, AuthorityKeyId: c.Cert.SubjectKeyId,
	}
	if leaf.Server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if leaf.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	raw, err := x509.CreateCertificate(env.Random, template, c.Cert, request.PublicKey, c.Key.private)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate of %q: %w", request.Subject.CommonName, err)
	}
	return encode("CERTIFICATE", raw), nil
}

// FirstAccess is the longest life of a certificate in system:masters. One is
// needed to create the binding of the operators' group in a new cluster.
const FirstAccess = 5 * time.Minute

func (c CA) check(env Env, request *x509.CertificateRequest, leaf Leaf) error {
	switch {
	case request.CheckSignature() != nil:
		return errors.New("the request is not signed by its own key")
	case request.Subject.CommonName == "":
		return errors.New("the request names nobody")
	case slices.Contains(request.Subject.Organization, "system:masters") && leaf.Life > FirstAccess:
		return fmt.Errorf("group system:masters cannot be taken back and is never given for longer than %s", FirstAccess)
	case !leaf.Server && !leaf.Client:
		return errors.New("a certificate must serve servers or clients")
	case leaf.Life <= 0:
		return errors.New("its life must be positive")
	case !env.Now.Before(c.Cert.NotAfter):
		return fmt.Errorf("the authority ended on %s", c.Cert.NotAfter.Format(time.DateOnly))
	}
	return nil
}

// keyID is RFC 5280's first method, as every other tool does it.
func keyID(public crypto.PublicKey) ([]byte, error) {
	raw, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("reading public key: %w", err)
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(raw, &info); err != nil {
		return nil, fmt.Errorf("reading public key: %w", err)
	}
	sum := sha1.Sum(info.Key.Bytes) //nolint:gosec // see above
	return sum[:], nil
}

func parseIPs(texts []string) ([]net.IP, error) {
	var out []net.IP
	for _, text := range texts {
		ip := net.ParseIP(text)
		if ip == nil {
			return nil, fmt.Errorf("making certificate request: %q is not an IP address", text)
		}
		out = append(out, ip)
	}
	return out, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
