package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/util/certificate"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
)

const rotated = "/var/lib/kubelet/pki/kubelet-client-current.pem"

func adopted() Spec {
	want := spec()
	want.Key, want.Adopt, want.IPs = rotated, true, nil
	return want
}

// rotate does what kubelet does with a new certificate of the given subject.
func rotate(t *testing.T, host *systemfake.Host, want Spec) error {
	t.Helper()
	dir := filepath.Dir(host.Root + rotated)
	store, err := certificate.NewFileStore("kubelet-client", dir, dir, "", "")
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	csr, err := request(want, key)
	require.NoError(t, err)
	certPEM, err := host.CA.Sign(t.Context(), system.SignRequest{CA: want.CA, CSR: csr, Client: true, Life: want.Life})
	require.NoError(t, err)
	der, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	if _, err := store.Update(certPEM, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})); err != nil {
		return err
	}
	// kubelet writes an absolute link, which here leads out of the host's root.
	target, err := os.Readlink(host.Root + rotated)
	require.NoError(t, err)
	require.NoError(t, os.Remove(host.Root+rotated))
	return os.Symlink(filepath.Base(target), host.Root+rotated)
}

func observed(t *testing.T, host *systemfake.Host, want Spec) State {
	t.Helper()
	state, err := kind{}.Observe(t.Context(), host.System, rotated, want)
	require.NoError(t, err)
	return state
}

func TestKubeletsStoreReadsAndRotatesWhatWeWrite(t *testing.T) {
	now := time.Now().Add(-time.Hour)
	host, want := open(t, &now), adopted()
	before, err := kind{}.Keep(t.Context(), host.System, rotated, observed(t, host, want))
	require.NoError(t, err)
	require.NoError(t, kind{}.Apply(t.Context(), host.System, rotated, want))

	dir := filepath.Dir(host.Root + rotated)
	store, err := certificate.NewFileStore("kubelet-client", dir, dir, "", "")
	require.NoError(t, err)
	pair, err := store.Current()
	require.NoError(t, err)
	assert.Equal(t, want.CommonName, pair.Leaf.Subject.CommonName)
	first, err := os.Readlink(host.Root + rotated)
	require.NoError(t, err)

	require.NoError(t, rotate(t, host, want))
	second, err := os.Readlink(host.Root + rotated)
	require.NoError(t, err)
	assert.NotEqual(t, first, second)
	assert.Empty(t, kind{}.Diff(rotated, want, observed(t, host, want)), "what kubelet rotated is as good")
	require.NoError(t, kind{}.Apply(t.Context(), host.System, rotated, want))
	after, err := os.Readlink(host.Root + rotated)
	require.NoError(t, err)
	assert.Equal(t, second, after, "and stays")

	require.NoError(t, kind{}.Restore(t.Context(), host.System, rotated, before))
	assert.NoDirExists(t, dir, "no key is left behind, nor the folder that was made for them")
}

func TestARotatedCertificateOfAnotherSubjectIsReplaced(t *testing.T) {
	now := time.Now().Add(-time.Hour)
	host, want := open(t, &now), adopted()
	require.NoError(t, kind{}.Apply(t.Context(), host.System, rotated, want))
	other := want
	other.CommonName = "system:node:m2"
	require.NoError(t, rotate(t, host, other))
	assert.Contains(t, observed(t, host, want).Issue, "its subject is")
	require.NoError(t, kind{}.Apply(t.Context(), host.System, rotated, want))
	assert.Empty(t, observed(t, host, want).Issue)
}

// Earlier versions wrote a file, with which kubelet runs but cannot go on.
func TestAFileInTheLinksPlaceIsReplaced(t *testing.T) {
	now := time.Now()
	host, want := open(t, &now), adopted()
	combined := want
	combined.Adopt = false
	require.NoError(t, kind{}.Apply(t.Context(), host.System, rotated, combined))
	require.Error(t, rotate(t, host, want))
	assert.NotEmpty(t, kind{}.Diff(rotated, want, observed(t, host, want)))
	require.NoError(t, kind{}.Apply(t.Context(), host.System, rotated, want))
	assert.NoError(t, rotate(t, host, want))
}

func TestOnlyACurrentFileCanBeRotated(t *testing.T) {
	want := adopted()
	require.NoError(t, kind{}.Check(rotated, want))
	assert.ErrorContains(t, kind{}.Check("/pki/a.pem", want), "-current.pem")
	want.Key = "/pki/a.key"
	assert.Error(t, kind{}.Check(rotated, want))
}
