package ssh_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"
)

// writeKey makes a private key file, encrypted when there is a passphrase.
func writeKey(t testing.TB, dir, name, passphrase string) (string, gossh.Signer) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	var block *pem.Block
	if passphrase == "" {
		block, err = gossh.MarshalPrivateKey(key, "")
	} else {
		block, err = gossh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	require.NoError(t, err)
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	signer, err := gossh.NewSignerFromKey(key)
	require.NoError(t, err)
	public := gossh.MarshalAuthorizedKey(signer.PublicKey())
	require.NoError(t, os.WriteFile(file+".pub", public, 0o600))
	return file, signer
}

// certify signs a key for an hour.
func certify(t *testing.T, ca gossh.Signer, key gossh.PublicKey, kind uint32, principals ...string) *gossh.Certificate {
	t.Helper()
	cert := &gossh.Certificate{
		Key: key, CertType: kind, ValidPrincipals: principals, KeyId: "test",
		ValidAfter:  uint64(time.Now().Add(-time.Minute).Unix()),
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	require.NoError(t, cert.SignCert(rand.Reader, ca))
	return cert
}
