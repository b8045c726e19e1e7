package ssh_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh"
	"provision/provision/internal/ssh/hostkey"
	"provision/provision/internal/ssh/sshtest"
)

func line(key gossh.PublicKey) string {
	return strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key)))
}

func ecdsaSigner(t *testing.T) gossh.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := gossh.NewSignerFromKey(key)
	require.NoError(t, err)
	return signer
}

// TestHostKeys lets a server with two keys be met with various knowledge.
func TestHostKeys(t *testing.T) {
	ed, ec, other, ca := sshtest.NewSigner(), ecdsaSigner(t), sshtest.NewSigner(), sshtest.NewSigner()
	certified := func(principal string) gossh.Signer {
		signer, err := gossh.NewCertSigner(certify(t, ca, ed.PublicKey(), gossh.HostCert, principal), ed)
		require.NoError(t, err)
		return signer
	}
	both := []gossh.Signer{ed, ec}
	authority := "@cert-authority 10.0.0.*,m1 " + line(ca.PublicKey())
	tests := map[string]struct {
		keys  []gossh.Signer
		known []string
		pin   string
		kind  error
	}{
		"known":                          {keys: both, known: []string{"10.0.0.11 " + line(ed.PublicKey())}},
		"the other type known":           {keys: both, known: []string{"10.0.0.11 " + line(ec.PublicKey())}},
		"unknown":                        {keys: both, known: []string{"10.0.0.12 " + line(ed.PublicKey())}, kind: ssh.ErrHostKeyUnknown},
		"changed":                        {keys: both, known: []string{"10.0.0.11 " + line(other.PublicKey())}, kind: ssh.ErrHostKeyChanged},
		"no key of the known type":       {keys: []gossh.Signer{ec}, known: []string{"10.0.0.11 " + line(ed.PublicKey())}, kind: ssh.ErrHostKeyChanged},
		"revoked":                        {keys: both, known: []string{"10.0.0.11 " + line(ed.PublicKey()), "@revoked * " + line(ed.PublicKey())}, kind: ssh.ErrHostKeyRevoked},
		"pin":                            {keys: both, pin: line(ed.PublicKey())},
		"pin of the second key":          {keys: both, pin: line(ec.PublicKey())},
		"pin over known_hosts":           {keys: both, pin: line(ed.PublicKey()), known: []string{"10.0.0.11 " + line(other.PublicKey())}},
		"fingerprint":                    {keys: both, pin: gossh.FingerprintSHA256(ed.PublicKey())},
		"fingerprint of the second key":  {keys: both, pin: gossh.FingerprintSHA256(ec.PublicKey())},
		"another pin":                    {keys: both, pin: line(other.PublicKey()), known: []string{"10.0.0.11 " + line(ed.PublicKey())}, kind: ssh.ErrHostKeyChanged},
		"pin of a type it does not have": {keys: []gossh.Signer{ed}, pin: line(ec.PublicKey()), kind: ssh.ErrHostKeyChanged},
		"another fingerprint":            {keys: both, pin: gossh.FingerprintSHA256(other.PublicKey()), kind: ssh.ErrHostKeyChanged},
		"no pin at all":                  {keys: both, pin: "nonsense", kind: ssh.ErrHostKeyUnknown},
		"certificate for the address":    {keys: []gossh.Signer{certified("10.0.0.11")}, known: []string{authority}},
		"certificate for the name":       {keys: []gossh.Signer{certified("m1")}, known: []string{authority}},
		"certificate for another":        {keys: []gossh.Signer{certified("m2")}, known: []string{authority}, kind: ssh.ErrHostKeyUnknown},
		"certificate of nobody we know":  {keys: []gossh.Signer{certified("m1")}, known: []string{"@cert-authority * " + line(other.PublicKey())}, kind: ssh.ErrHostKeyUnknown},
		"certificate, authority revoked": {keys: []gossh.Signer{certified("m1")}, known: []string{authority, "@revoked * " + line(ca.PublicKey())}, kind: ssh.ErrHostKeyUnknown},
		"certificate, its key pinned":    {keys: []gossh.Signer{certified("m1"), ed}, pin: line(ed.PublicKey())},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.server.HostKeys = tt.keys
			w.target.HostKeyPin = tt.pin
			require.NoError(t, os.WriteFile(w.target.KnownHosts[0], []byte(strings.Join(tt.known, "\n")+"\n"), 0o600))
			_, err := w.pool(t).Connect(within(t), w.target)
			if tt.kind == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tt.kind)
			assert.ErrorContains(t, err, "m1 (10.0.0.11:22): host key ")
			assert.Zero(t, w.server.Logins()+w.server.Failures(), "no credential was shown")
		})
	}
}

func TestHostKeyErrorsSayWhatToDo(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, os.Remove(w.target.KnownHosts[0]))
	_, err := w.pool(t).Connect(within(t), w.target)
	assert.ErrorContains(t, err, "`provision hostkeys scan`")
	assert.ErrorContains(t, err, gossh.FingerprintSHA256(w.server.HostKeys[0].PublicKey()))

	require.NoError(t, hostkey.Accept(w.target.KnownHosts[0], address, false, sshtest.NewSigner().PublicKey()))
	_, err = w.pool(t).Connect(within(t), w.target)
	assert.ErrorContains(t, err, "`provision hostkeys accept m1 --replaced`")
	assert.ErrorContains(t, err, gossh.FingerprintSHA256(w.server.HostKeys[0].PublicKey()))

	keys, err := hostkey.Scan(within(t), w.net.Dial, address)
	require.NoError(t, err)
	require.NoError(t, hostkey.Accept(w.target.KnownHosts[0], address, true, keys[0].Public))
	w.connect(t)
}
