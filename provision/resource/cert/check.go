package cert

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"time"

	"provision/provision/internal/system"
	"provision/provision/pki"
)

// pair is a certificate with the key that belongs to it.
type pair struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var errNoCA = errors.New("the host does not have the CA's certificate")

// readPair reads both and checks that they belong together. Its errors are
// reasons to issue anew, in few words.
func readPair(files system.Files, certPath, keyPath string) (pair, error) {
	certPEM, err := files.ReadFile(certPath)
	if err != nil {
		return pair{}, errors.New("it cannot be read")
	}
	keyPEM := certPEM
	if keyPath != certPath {
		if keyPEM, err = files.ReadFile(keyPath); err != nil {
			return pair{}, errors.New("its key is missing")
		}
	}
	cert, err := parseCert(certPEM)
	if err != nil {
		return pair{}, err
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return pair{}, err
	}
	if !samePublic(cert.PublicKey, key.Public()) {
		return pair{}, errors.New("its key is another one")
	}
	return pair{cert, key}, nil
}

func samePublic(a, b crypto.PublicKey) bool {
	known, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && known.Equal(b)
}

func parseCert(content []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, errors.New("it is damaged")
			}
			return cert, nil
		}
	}
	return nil, errors.New("it holds no certificate")
}

func parseKey(content []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY": // kubelet writes its keys so
			key, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			continue
		}
		signer, ok := key.(crypto.Signer)
		if err != nil || !ok {
			return nil, errors.New("its key is damaged")
		}
		return signer, nil
	}
	return nil, errors.New("its key is missing")
}

// readCA reads the host's copy of a CA's certificate: of several, while it is
// rotated, the first, which signs. What another one signed is issued anew.
func readCA(files system.Files, name string) (*x509.CertPool, error) {
	content, err := files.ReadFile(system.IdentityDir + "/" + name + ".crt")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoCA
	}
	if err != nil {
		return nil, fmt.Errorf("reading the %s CA: %w", name, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pki.First(content)) {
		return nil, fmt.Errorf("the host's copy of the %s CA holds no certificate", name)
	}
	return pool, nil
}

// errSoon is said of a certificate that is due.
var errSoon = errors.New("it ends soon")

// fits says why a certificate is not what is wanted.
func fits(cert *x509.Certificate, want Spec, roots *x509.CertPool, now time.Time) error {
	if now.Before(cert.NotBefore) {
		return errors.New("it is not valid yet by this host's clock, which may be wrong")
	}
	if left := cert.NotAfter.Sub(now); left < want.RenewBefore || left <= 0 {
		return errSoon
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return fmt.Errorf("it was not issued by the %s CA of this cluster", want.CA)
	}
	if cert.Subject.CommonName != want.CommonName || !sameSet(cert.Subject.Organization, want.Organizations) {
		return fmt.Errorf("its subject is %s", cert.Subject)
	}
	if want.Adopt {
		return nil
	}
	return fitsUse(cert, want)
}

func fitsUse(cert *x509.Certificate, want Spec) error {
	if !sameSet(cert.DNSNames, want.DNSNames) {
		return fmt.Errorf("its names are %q", cert.DNSNames)
	}
	var have, wanted []string
	for _, ip := range cert.IPAddresses {
		have = append(have, ip.String())
	}
	for _, ip := range want.IPs {
		wanted = append(wanted, net.ParseIP(ip).String())
	}
	if !sameSet(have, wanted) {
		return fmt.Errorf("its addresses are %q", have)
	}
	if slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) != want.Server ||
		slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) != want.Client {
		return errors.New("its usages are others")
	}
	return nil
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}
