package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

// Skew is how far a certificate is dated back, for hosts whose clocks differ.
const Skew = 5 * time.Minute

// CALife is the default life of an authority.
const CALife = 10 * 365 * 24 * time.Hour

// LeafLife is the default life of what they sign.
const LeafLife = 365 * 24 * time.Hour

// Env is the world: zero values are the real ones.
type Env struct {
	Now    time.Time // default: time.Now()
	Random io.Reader // default: crypto/rand
}

func (e Env) fill() Env {
	if e.Now.IsZero() {
		e.Now = time.Now()
	}
	if e.Random == nil {
		e.Random = rand.Reader
	}
	return e
}

// Key is a private key that never shows in texts.
type Key struct{ private *ecdsa.PrivateKey }

// NewKey makes a key.
func NewKey(env Env) (Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), env.fill().Random)
	if err != nil {
		return Key{}, fmt.Errorf("making key: %w", err)
	}
	return Key{private}, nil
}

// ParseKey reads a PKCS #8 key as PEM.
func ParseKey(text []byte) (Key, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return Key{}, errors.New("reading key: not a PEM block PRIVATE KEY")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, errors.New("reading key: not a PKCS #8 key")
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return Key{}, errors.New("reading key: not an ECDSA key")
	}
	return Key{private}, nil
}

// PEM is the key in clear.
func (k Key) PEM() ([]byte, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, errors.New("encoding key: unknown kind of key")
	}
	return encode("PRIVATE KEY", raw), nil
}

// PublicPEM is the public half.
func (k Key) PublicPEM() ([]byte, error) {
	raw, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		return nil, fmt.Errorf("encoding public key: %w", err)
	}
	return encode("PUBLIC KEY", raw), nil
}

// Public is the public half.
func (k Key) Public() crypto.PublicKey { return k.private.Public() }

// Signer gives the key to code that needs crypto.Signer (TLS).
func (k Key) Signer() crypto.Signer { return k.private }

// String hides the key.
func (k Key) String() string { return "(private key)" }

// GoString hides the key.
func (k Key) GoString() string { return k.String() }

// Format hides the key from every verb, %x and %+v too.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// ParseCert reads the first certificate of a PEM text.
func ParseCert(text []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading certificate: %w", err)
		}
		return cert, nil
	}
	return nil, errors.New("reading certificate: no PEM block CERTIFICATE")
}

// ParseCerts reads all certificates of a PEM text, and skips what is none.
func ParseCerts(text []byte) []*x509.Certificate {
	var list []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			list = append(list, cert)
		}
	}
	return list
}

// Fingerprint is the sha256 of a certificate, in hex.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// Request is what a certificate request asks for.
type Request struct {
	CommonName    string
	Organizations []string
	DNSNames      []string
	IPs           []string
}

// CSR makes a signed request, as DER.
func CSR(env Env, key Key, request Request) ([]byte, error) {
	ips, err := parseIPs(request.IPs)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: request.CommonName, Organization: request.Organizations},
		DNSNames: request.DNSNames, IPAddresses: ips,
	}
	raw, err := x509.CreateCertificateRequest(env.fill().Random, template, key.private)
	if err != nil {
		return nil, fmt.Errorf("making certificate request for %s: %w", request.CommonName, err)
	}
	return raw, nil
}

func encode(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}

// serial is 127 random bits: unique without a counter to keep.
func serial(env Env) (*big.Int, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(env.Random, raw); err != nil {
		return nil, fmt.Errorf("making serial number: %w", err)
	}
	raw[0] &= 0x7f
	raw[15] |= 1 // never zero
	return new(big.Int).SetBytes(raw), nil
}
