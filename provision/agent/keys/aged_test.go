//go:build labhost

package keys

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/pki"
)

// TestAge makes this lab host what it would be two years after everything has
// ended: its authorities' certificates, in its ledger and in all places, and
// every certificate that they signed. Keys stay. Authorities, and keys that the
// host does not hold, come from the folder that is named, or are put there.
func TestAge(t *testing.T) {
	folder := os.Getenv("PROVISION_AGED")
	require.FileExists(t, system.LabMarker, "only ever on a lab host")
	require.NotEmpty(t, folder)
	state, err := ledger.Read(system.LedgerDir)
	require.NoError(t, err)
	identity := copyOf(*state.Identity)
	aged := map[string]pki.CA{}
	for name, was := range state.Identity.CAs {
		crt, key := filepath.Join(folder, name+".crt"), filepath.Join(folder, name+".key")
		if _, err := os.Stat(crt); err != nil {
			secret, err := os.ReadFile(key) // of an authority whose key is on other hosts
			if err != nil {
				secret, err = os.ReadFile(system.IdentityDir + "/" + name + ".key")
			}
			require.NoError(t, err)
			now, err := pki.ParseCA([]byte(was), secret)
			require.NoError(t, err)
			old, err := now.Renewed(pki.Env{Now: time.Now().AddDate(-2, 0, 0)}, 365*24*time.Hour)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(crt, old.CertPEM(), 0o600))
			require.NoError(t, os.WriteFile(key, secret, 0o600))
		}
		certPEM, err := os.ReadFile(crt)
		require.NoError(t, err)
		secret, err := os.ReadFile(key)
		require.NoError(t, err)
		aged[name], err = pki.ParseCA(certPEM, secret)
		require.NoError(t, err)
		identity.CAs[name] = string(aged[name].CertPEM())
	}
	held, err := ledger.Open(system.LedgerDir, ledger.Holder{Name: "time", Epoch: state.Epoch + 1})
	require.NoError(t, err)
	require.NoError(t, held.SetIdentity(&identity, nil))
	require.NoError(t, held.Close())
	paths := []string{}
	for name := range aged {
		paths = append(paths, system.IdentityDir+"/"+name+".crt")
	}
	for _, entry := range state.Entries {
		if entry.Kind == "identity" || entry.Kind == "cert" {
			paths = append(paths, entry.Name)
		}
	}
	for _, path := range paths {
		age(t, path, state.Identity.CAs, aged)
	}
}

// age rewrites a certificate, and leaves what else is in the file.
func age(t *testing.T, path string, was map[string]string, aged map[string]pki.CA) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, old := range was {
		if bytes.Equal(content, []byte(old)) {
			require.NoError(t, os.WriteFile(path, aged[name].CertPEM(), 0o644))
			return
		}
	}
	parsed := pki.ParseCerts(content)
	if len(parsed) == 0 {
		return // a key
	}
	leaf := parsed[0]
	for name, ca := range aged {
		if ca.Cert.Subject.String() != leaf.Issuer.String() {
			continue
		}
		leaf.NotBefore, leaf.NotAfter = ca.Cert.NotBefore, ca.Cert.NotAfter
		raw, err := x509.CreateCertificate(rand.Reader, leaf, ca.Cert, leaf.PublicKey, ca.Key.Signer())
		require.NoError(t, err, name)
		out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
		if at := bytes.Index(content, []byte("-----BEGIN PRIVATE KEY")); at >= 0 {
			out = append(out, content[at:]...)
		} else if at := bytes.Index(content, []byte("-----BEGIN EC PRIVATE KEY")); at >= 0 {
			out = append(out, content[at:]...)
		}
		require.NoError(t, os.WriteFile(path, out, 0o600))
	}
}
