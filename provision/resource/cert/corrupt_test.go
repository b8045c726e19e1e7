package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/corrupt"
)

// A damaged certificate or key is damaged, or is the one that it was, or does
// not belong to the other.
func TestDamagedPairs(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<31, 0)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	corrupt.Feed(t, 1, func(in []byte) bool {
		_, err := parseCert(in)
		return err == nil
	}, certPEM)
	corrupt.Feed(t, 2, func(in []byte) bool {
		got, err := parseKey(in)
		if err == nil && samePublic(got.Public(), key.Public()) {
			assert.True(t, got.(*ecdsa.PrivateKey).Equal(key))
		}
		return err == nil
	}, keyPEM)
}
