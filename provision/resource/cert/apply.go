package cert

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"time"

	"provision/provision/internal/system"
	"provision/provision/resource/internal/snapshot"
)

func (k kind) Apply(ctx context.Context, sys *system.System, name string, want Spec) error {
	have, err := k.Observe(ctx, sys, name, want)
	if err != nil {
		return err
	}
	switch good := have.Cert.Exists() && have.Issue == ""; {
	case good && want.Adopt && have.Cert.Type == "symlink":
		return nil
	case good && !want.Adopt:
		return errors.Join(sys.Files.SetAttr(name, certAttr(name, want)), sys.Files.SetAttr(want.Key, keyAttr(want)))
	}
	if have.Cert.Type == "directory" || have.Key.Type == "directory" {
		return fmt.Errorf("cannot write %s: a directory is in the way", name)
	}
	certPEM, keyPEM, err := k.obtain(ctx, sys, name, want)
	if err != nil {
		return fmt.Errorf("issuing certificate %s: %w", name, err)
	}
	sys.Point("cert:signed")
	if want.Adopt {
		return writeLink(sys, name, want, append(certPEM, keyPEM...))
	}
	return write(sys, name, want, certPEM, keyPEM)
}

// issue makes a key and has it certified. What the CA answers is checked like
// anything else that comes from elsewhere.
func issue(ctx context.Context, sys *system.System, want Spec) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making key: %w", err)
	}
	csr, err := request(want, key)
	if err != nil {
		return nil, nil, err
	}
	certPEM, err = sys.Signer.Sign(ctx, system.SignRequest{
		CA: want.CA, CSR: csr, Server: want.Server, Client: want.Client, Life: want.Life,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("asking the %s CA: %w", want.CA, err)
	}
	cert, err := parseCert(certPEM)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the answer of the %s CA: %w", want.CA, err)
	}
	roots, err := readCA(sys.Files, want.CA)
	if err != nil {
		return nil, nil, err
	}
	if !samePublic(cert.PublicKey, key.Public()) {
		return nil, nil, fmt.Errorf("the %s CA answered with a certificate of another key", want.CA)
	}
	if err := fits(cert, want, roots, sys.Now()); errors.Is(err, errSoon) {
		return nil, nil, fmt.Errorf("the %s CA answered with a certificate that ends on %s, as it does itself; renew it with: provision certs renew", want.CA, cert.NotAfter.UTC().Format(time.DateTime))
	} else if err != nil {
		return nil, nil, fmt.Errorf("the %s CA answered with a certificate that does not do: %w", want.CA, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("writing key: %w", err)
	}
	return certPEM, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func request(want Spec, key *ecdsa.PrivateKey) ([]byte, error) {
	template := &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: want.CommonName, Organization: want.Organizations},
		DNSNames: want.DNSNames,
	}
	for _, ip := range want.IPs {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(ip))
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("making request: %w", err)
	}
	return csr, nil
}

// write puts the key first: killed in between, the old certificate does not
// match the new key, which Observe sees. A combined file is one rename.
func write(sys *system.System, name string, want Spec, certPEM, keyPEM []byte) error {
	for _, path := range []string{want.Key, name} {
		if err := snapshot.EnsureParent(sys.Files, path); err != nil {
			return fmt.Errorf("making the folder of %s: %w", path, err)
		}
	}
	if name == want.Key {
		certPEM = append(append([]byte(nil), certPEM...), keyPEM...)
	} else {
		if err := sys.Files.WriteFile(want.Key, bytes.NewReader(keyPEM), keyAttr(want)); err != nil {
			return fmt.Errorf("writing key %s: %w", want.Key, err)
		}
		sys.Point("cert:key-written")
	}
	if err := sys.Files.WriteFile(name, bytes.NewReader(certPEM), certAttr(name, want)); err != nil {
		return fmt.Errorf("writing certificate %s: %w", name, err)
	}
	return nil
}
