package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"time"

	"provision/provision/internal/system"
	"provision/provision/secret"
)

// Credentials are a client certificate with its key and the CA that verifies
// the server, as PEM.
type Credentials struct {
	CA, Cert []byte
	Key      secret.Value
}

// Issue makes a key in memory and has its certificate signed.
func (k *Keys) Issue(ctx context.Context, ca, name, group string, life time.Duration) (Credentials, error) {
	if err := k.Ended(ca); err != nil {
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
	signed, err := k.sign(ctx, system.SignRequest{CA: ca, CSR: request, Client: true, Life: life})
	if err != nil {
		return Credentials{}, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Credentials{}, fmt.Errorf("writing the operator's key: %w", err)
	}
	return Credentials{
		CA:   []byte(k.Fleet.Decision.Identity.CAs[ca]),
		Cert: signed,
		Key:  secret.Of(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})),
	}, nil
}
