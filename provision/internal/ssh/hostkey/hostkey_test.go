package hostkey_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skeema/knownhosts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gossh "golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"provision/provision/internal/ssh/hostkey"
	"provision/provision/internal/ssh/sshtest"
)

const address = "10.0.0.11:22"

func key() gossh.PublicKey { return sshtest.NewSigner().PublicKey() }

func ecdsaSigner(t *testing.T) gossh.Signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	signer, err := gossh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer
}

func write(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
	return file
}

func check(t *testing.T, file, address string, key gossh.PublicKey) error {
	t.Helper()
	db, err := hostkey.Load(file, filepath.Join(t.TempDir(), "missing"))
	require.NoError(t, err)
	return (&hostkey.Checker{DB: db, Address: address}).Check(key)
}

func TestAcceptKeepsEverythingElse(t *testing.T) {
	other := knownhosts.Line([]string{"10.0.0.99"}, key())
	file := write(t, "# mine", other, "@revoked * "+strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key())))) // no newline at the end
	before, err := os.ReadFile(file)
	require.NoError(t, err)
	first, second := key(), ecdsaSigner(t).PublicKey()
	require.NoError(t, hostkey.Accept(file, address, false, first, second))
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(after), string(before)+"\n"))
	require.NoError(t, check(t, file, address, first))
	require.NoError(t, check(t, file, address, second))

	require.NoError(t, hostkey.Accept(file, address, false, first), "again: nothing to do")
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(after), string(again))
}

func TestAcceptRefusesAChangedKey(t *testing.T) {
	old, fresh, freshECDSA := key(), key(), ecdsaSigner(t).PublicKey()
	shared := "10.0.0.11,10.0.0.12 " + strings.TrimSpace(string(gossh.MarshalAuthorizedKey(old)))
	hashed := xknownhosts.HashHostname("10.0.0.11") + " " + strings.TrimSpace(string(gossh.MarshalAuthorizedKey(ecdsaSigner(t).PublicKey())))
	file := write(t, "# mine", shared, hashed, "")
	before, err := os.ReadFile(file)
	require.NoError(t, err)

	err = hostkey.Accept(file, address, false, fresh)
	var changed *hostkey.ChangedError
	require.ErrorAs(t, err, &changed)
	assert.ErrorContains(t, err, gossh.FingerprintSHA256(old))
	assert.ErrorContains(t, err, gossh.FingerprintSHA256(fresh))
	unchanged, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, before, unchanged)

	require.NoError(t, hostkey.Accept(file, address, true, fresh, freshECDSA))
	require.NoError(t, check(t, file, address, fresh))
	require.NoError(t, check(t, file, address, freshECDSA))
	require.ErrorAs(t, check(t, file, address, old), &changed)
	require.NoError(t, check(t, file, "10.0.0.12:22", old), "the other host keeps its key")
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

func TestAcceptMakesTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "known_hosts")
	k := key()
	require.NoError(t, hostkey.Accept(file, "10.0.0.11:2222", false, k))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(content), "[10.0.0.11]:2222 ssh-ed25519 "))
	var unknown *hostkey.UnknownError
	require.ErrorAs(t, check(t, file, address, k), &unknown, "another port is another server")
}

func TestRevokedKeyIsNeverGood(t *testing.T) {
	k := key()
	text := strings.TrimSpace(string(gossh.MarshalAuthorizedKey(k)))
	file := write(t, "10.0.0.11 "+text, "@revoked * "+text)
	var revoked *hostkey.RevokedError
	require.ErrorAs(t, check(t, file, address, k), &revoked)
	require.ErrorAs(t, hostkey.Accept(file, address, true, k), &revoked)
	db, err := hostkey.Load(file)
	require.NoError(t, err)
	pin, err := hostkey.ParsePin(text)
	require.NoError(t, err)
	require.ErrorAs(t, (&hostkey.Checker{DB: db, Address: address, Pin: pin}).Check(k), &revoked, "a pin doesn't help")
}

func TestAuthorityIsNoEarlierKey(t *testing.T) {
	file := write(t, "@cert-authority * "+string(gossh.MarshalAuthorizedKey(key())))
	var unknown *hostkey.UnknownError
	require.ErrorAs(t, check(t, file, address, key()), &unknown)
}

func TestParsePin(t *testing.T) {
	k := key()
	text := string(gossh.MarshalAuthorizedKey(k))
	for _, good := range []string{text, gossh.FingerprintSHA256(k), " " + text + " "} {
		pin, err := hostkey.ParsePin(good)
		require.NoError(t, err)
		db, err := hostkey.Load()
		require.NoError(t, err)
		checker := hostkey.Checker{DB: db, Address: address, Pin: pin}
		require.NoError(t, checker.Check(k))
		var changed *hostkey.ChangedError
		require.ErrorAs(t, checker.Check(key()), &changed)
		assert.Equal(t, "ssh-ed25519", checker.Algorithms()[0])
	}
	pin, err := hostkey.ParsePin("")
	require.NoError(t, err)
	assert.True(t, pin.Empty())
	for _, bad := range []string{"SHA256:", "SHA256:abc", "MD5:aa:bb", "ssh-ed25519", "ssh-ed25519 AAAA", "x"} {
		_, err := hostkey.ParsePin(bad)
		assert.Error(t, err, bad)
	}
}

func FuzzParsePin(f *testing.F) {
	f.Add("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==")
	f.Add("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")
	f.Fuzz(func(t *testing.T, text string) {
		pin, err := hostkey.ParsePin(text)
		if err == nil && !pin.Empty() {
			assert.NotEmpty(t, pin.String())
		}
	})
}

func FuzzLoadAndReplace(f *testing.F) {
	f.Add("10.0.0.11 ssh-ed25519 AAAA\n@revoked * x\n|1|a|b ssh-rsa AAAA\n# c")
	k := key()
	f.Fuzz(func(t *testing.T, content string) {
		file := filepath.Join(t.TempDir(), "known_hosts")
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		if hostkey.Accept(file, address, true, k) != nil {
			after, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, content, string(after), "refused: unchanged")
			return
		}
		require.NoError(t, check(t, file, address, k))
	})
}

func TestScan(t *testing.T) {
	network := sshtest.NewNetwork()
	t.Cleanup(network.Close)
	server := &sshtest.Server{HostKeys: []gossh.Signer{ecdsaSigner(t), sshtest.NewSigner()}}
	network.Add(address, server)
	keys, err := hostkey.Scan(t.Context(), network.Dial, address)
	require.NoError(t, err)
	require.Len(t, keys, 2)
	assert.Equal(t, "ssh-ed25519", keys[0].Type)
	assert.Equal(t, gossh.FingerprintSHA256(server.HostKeys[1].PublicKey()), keys[0].Fingerprint)
	pin, err := hostkey.ParsePin(keys[1].Pin())
	require.NoError(t, err)
	assert.Contains(t, pin.String(), keys[1].Fingerprint)
	assert.Zero(t, server.Logins())

	server.Fail(sshtest.Refuse)
	_, err = hostkey.Scan(t.Context(), network.Dial, address)
	require.ErrorContains(t, err, "scanning the host keys of 10.0.0.11:22")
}
