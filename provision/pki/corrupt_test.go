package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/corrupt"
	"provision/test/faults"
)

// What is read of a damaged certificate or key is the undamaged one (its text
// changed where nothing counts), or fits nothing: an authority never comes of it,
// and nothing is signed for a request whose own signature does not hold.
func TestDamagedCertificatesKeysAndRequests(t *testing.T) {
	ca := authority(t, 0)
	certPEM := ca.CertPEM()
	keyPEM, err := ca.Key.PEM()
	require.NoError(t, err)
	other := authority(t, 0).CertPEM()
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		got, err := ParseCA(in, keyPEM)
		if err != nil {
			return false
		}
		// A flipped bit of the certificate itself breaks its signature, by which
		// everything that it would sign is refused.
		if !bytes.Equal(ca.Cert.Raw, got.Cert.Raw) {
			assert.Error(t, got.Cert.CheckSignatureFrom(ca.Cert))
		}
		return true
	}, certPEM, other)
	keys := corrupt.Feed(t, 2, func(in []byte) bool {
		got, err := ParseCA(certPEM, in)
		if err != nil {
			return false
		}
		assert.True(t, got.Key.private.Equal(ca.Key.private))
		return true
	}, keyPEM)
	csr, _ := request(t, Operator("ann").Request(nil, nil))
	signed := corrupt.Feed(t, 3, func(in []byte) bool {
		text, err := ca.Sign(env, in, Leaf{Client: true, Life: time.Hour})
		if err != nil {
			return false
		}
		want, err := x509.ParseCertificateRequest(in)
		require.NoError(t, err)
		assert.NoError(t, want.CheckSignature())
		block, _ := pem.Decode(text)
		got, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		assert.Equal(t, want.Subject.CommonName, got.Subject.CommonName)
		return true
	}, csr)
	total := tally.Add(keys).Add(signed)
	faults.Record(t, "corrupt-pki", "damaged certificates, keys and requests never yield another authority or a certificate", "PEM and DER of an authority, its key and a request, damaged",
		"%d inputs: %d refused; %d damaged requests: %d signed, each with a signature that holds", total.Inputs, total.Rejected, signed.Inputs, signed.Accepted)
}
