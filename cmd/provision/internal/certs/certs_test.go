package certs

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/cmd/provision/internal/cli"
	"provision/provision"
)

func TestCertificatesAreShownWithWhatIsUnderWay(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	found := &provision.Certificates{Cluster: "dc1", Target: "the real hosts",
		Certificates: []provision.Certificate{
			{Host: "n1", Path: "/p/a.crt", State: provision.CertBad, Error: "it is \x1b[31mmissing", Renews: provision.ByTimer},
			{Host: "all hosts", Authority: "cluster", Subject: "CN=dc1 cluster 4", NotAfter: at, DaysLeft: 12, State: provision.CertValid, Renews: provision.ByRotate},
		},
		Rotations: []provision.Turning{{Name: "cluster", Phase: "trusted", Means: "both are trusted", Since: at, Until: at.Add(10 * time.Minute), Command: "provision certs rotate-ca cluster"}},
		Silent:    map[string]string{"n2": "no route"},
	}
	var out bytes.Buffer
	g := &cli.Global{Streams: cli.Streams{Out: &out}}
	require.NoError(t, showCertificates(g, found))
	assert.NotContains(t, out.String(), "\x1b", "hosts do not write to the terminal")
	assert.Regexp(t, `n1 +/p/a.crt +- +- +bad: it is .*missing +timer`, out.String())
	assert.Regexp(t, `all hosts +authority cluster +CN=dc1 cluster 4 +2026-03-01 12:00:00 +12 +valid +certs rotate-ca`, out.String())
	assert.Contains(t, out.String(), "\nRotation of cluster since 2026-03-01 12:00:00: both are trusted.\n  To continue: provision certs rotate-ca cluster (after 2026-03-01 12:10:00)\n")
	assert.Contains(t, out.String(), "\nn2 could not be asked: no route\n")
	assert.False(t, found.Sound())
}
