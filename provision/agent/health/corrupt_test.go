package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system/systemfake"
	"provision/provision/pki"
	"provision/test/corrupt"
)

// A damaged certificate is told with what is wrong, or with an end.
func TestDamagedCertificates(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	ca, err := pki.NewCA(pki.Env{Now: host.Now()}, "kubernetes", time.Hour)
	require.NoError(t, err)
	corrupt.FeedN(t, 1, 500, func(in []byte) bool {
		require.NoError(t, host.Put("/etc/x.crt", string(in), 0o644))
		got := certHealth(host.Files, "/etc/x.crt")
		assert.Equal(t, got.Error == "", !got.NotAfter.IsZero(), "%+v", got)
		return got.Error == ""
	}, ca.CertPEM())
}
