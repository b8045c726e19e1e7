package hostkey_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"provision/provision/internal/ssh/hostkey"
	"provision/provision/internal/ssh/sshtest"
)

func replaced(t *testing.T, key gossh.PublicKey, at string, files ...string) bool {
	t.Helper()
	yes, err := hostkey.Replaced(files, at, key)
	require.NoError(t, err)
	return yes
}

func TestOnlyAKeyAcceptedAsReplacedIsOne(t *testing.T) {
	old, fresh, third := key(), key(), key()
	file := filepath.Join(t.TempDir(), "known_hosts")
	none := filepath.Join(t.TempDir(), "missing")
	require.NoError(t, hostkey.Accept(file, address, false, old))
	assert.False(t, replaced(t, old, address, none, file), "a first key replaces nothing")

	require.NoError(t, hostkey.Accept(file, address, true, fresh))
	require.NoError(t, check(t, file, address, fresh), "the mark is a comment, to ssh and to us")
	assert.True(t, replaced(t, fresh, address, none, file))
	assert.False(t, replaced(t, old, address, file))
	assert.False(t, replaced(t, third, address, file))
	assert.False(t, replaced(t, fresh, "10.0.0.12:22", file), "another host with that key")
	assert.False(t, replaced(t, fresh, address, none))

	require.NoError(t, hostkey.Accept(file, address, true, third))
	assert.True(t, replaced(t, third, address, file))
	assert.False(t, replaced(t, fresh, address, file), "the machine before")
}

// A key may be known already, without a word of a replaced machine: from a
// colleague's known_hosts, or because the operator's was empty.
func TestAKnownKeyCanBeMarked(t *testing.T) {
	fresh := key()
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, hostkey.Accept(file, address, false, fresh))
	require.NoError(t, hostkey.Accept(file, address, true, fresh))
	assert.True(t, replaced(t, fresh, address, file))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(content), "\n"))
}

func TestMarksOfHashedNamesAndCertificates(t *testing.T) {
	signer := sshtest.NewSigner()
	cert := &gossh.Certificate{Key: signer.PublicKey(), CertType: gossh.HostCert}
	line := strings.TrimSpace(string(gossh.MarshalAuthorizedKey(signer.PublicKey())))
	hashed := write(t, xknownhosts.HashHostname("10.0.0.11")+" "+line+" ann provision:replaced", "")
	assert.True(t, replaced(t, cert, address, hashed), "the key of the certificate")
	for name, text := range map[string]string{
		"no mark":         "10.0.0.11 " + line,
		"another comment": "10.0.0.11 " + line + " not-provision:replaced",
		"a comment line":  "#10.0.0.11 " + line + " provision:replaced",
		"an authority":    "@cert-authority 10.0.0.11 " + line + " provision:replaced",
		"a pattern":       "10.0.0.* " + line + " provision:replaced",
		"cut off":         "10.0.0.11 ssh-ed25519",
		"empty":           "",
	} {
		assert.False(t, replaced(t, signer.PublicKey(), address, write(t, text)), name)
	}
}
