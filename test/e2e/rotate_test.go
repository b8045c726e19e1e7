//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// frontProxy replaces the authority by which aggregated API servers know the
// cluster's own, while others write. It is the quickest to replace; all five are
// in TestSoakRotation.
func (c *cluster) frontProxy(t *testing.T) {
	told := func() string {
		a, closeTunnel := c.tunnel(t)
		defer closeTunnel()
		return a.do(t, "-n", "kube-system", "get", "configmap", "extension-apiserver-authentication", "-o", "jsonpath={.data.requestheader-client-ca-file}")
	}
	old := told()
	stop := c.writes(t, "n1", inPod+"n2", outside)
	r := c.rotated(t, "rotate-ca", "front-proxy")
	w := stop()
	w.none(t)
	assert.Less(t, w.Gap, 3*longestGap, "%s", w.Last)
	assert.Contains(t, r.out, "Rotated: front-proxy.", "%s", r.all())
	now := told()
	assert.Equal(t, 1, strings.Count(now, "BEGIN CERTIFICATE"), "the old one is forgotten")
	assert.NotEqual(t, old, now)
	c.unchanged(t)
	faults.Record(t, "rotate-front-proxy", "An authority is replaced while the API serves: not one acknowledged write is lost, and API servers present only the new one",
		"rotate-ca front-proxy on three masters under 100 writes a second from a host, a pod and the operator's tunnel", "%.1f s; %s", r.took.Seconds(), w)
}

// rotated runs a rotation until it is over or waits.
func (c *cluster) rotated(t *testing.T, args ...string) ran {
	t.Helper()
	r := c.provision(t, append(append(append([]string{"certs"}, args...), "--yes"), c.inventory()...)...)
	require.Zero(t, r.code, "%s", r.all())
	c.seconds(t, strings.Join(args, " "), r.took)
	return r
}
