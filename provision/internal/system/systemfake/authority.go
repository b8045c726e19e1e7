package systemfake

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"provision/provision/internal/system"
)

// Authority signs with CAs that lie in the host's identity folder.
type Authority struct {
	root string
	now  func() time.Time
	// Answer replaces what Sign returns, to test bad answers.
	Answer func(request system.SignRequest) ([]byte, error)
}

// Create makes a CA; its certificate and key become items of the identity.
func (a *Authority) Create(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name + " CA"},
		NotBefore: a.now().Add(-time.Hour), NotAfter: a.now().Add(10 * 365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	folder := filepath.Join(a.root, system.IdentityDir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := writePEM(filepath.Join(folder, name+".crt"), "CERTIFICATE", der); err != nil {
		return err
	}
	return writePEM(filepath.Join(folder, name+".key"), "PRIVATE KEY", raw)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func readDER(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", path)
	}
	return block.Bytes, nil
}

func (a *Authority) read(name string) (*x509.Certificate, any, error) {
	base := filepath.Join(a.root, system.IdentityDir, name)
	der, err := readDER(base + ".crt")
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	if der, err = readDER(base + ".key"); err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	return cert, key, err
}

// Sign implements system.Signer.
func (a *Authority) Sign(_ context.Context, request system.SignRequest) ([]byte, error) {
	if a.Answer != nil {
		return a.Answer(request)
	}
	ca, key, err := a.read(request.CA)
	if err != nil {
		return nil, fmt.Errorf("signing with %s: %w", request.CA, err)
	}
	csr, err := x509.ParseCertificateRequest(request.CSR)
	if err != nil {
		return nil, fmt.Errorf("reading request: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.now().UnixNano()), Subject: csr.Subject, DNSNames: csr.DNSNames, IPAddresses: csr.IPAddresses,
		NotBefore: a.now().Add(-time.Minute), NotAfter: a.now().Add(request.Life), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if request.Server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if request.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, csr.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
