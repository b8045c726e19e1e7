//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// small makes the cluster of inventories/small.hcl while one of its nodes is
// down, completes it when that one is there, drains its nodes around a change,
// turns their CPU manager on and off, gives kubelets a setting that they refuse,
// and cuts one off from the API, and from pods.
func (s *suite) small(t *testing.T) {
	c := s.boot(t, "small", sample("small.hcl"), extra("shared-kernel.hcl"))
	require.NoError(t, c.lab.PowerCut(t.Context(), "node-2"))
	c.applyWithout(t, "node-2")
	a, closeTunnel := c.tunnel(t)
	a.allReady(t, "master", "node-1") // and no Node for a host that never was there
	c.answersDNS(t, "node-1")
	before := c.traces(t, "node-1")["node-1"]

	require.NoError(t, c.lab.PowerOn(t.Context(), "node-2"))
	c.seconds(t, "complete the cluster with the host that was down", c.apply(t).took)
	after := c.trace(t, "node-1")
	assert.Equal(t, before.Units, after.Units, "units of the other node")
	assert.Equal(t, before.Files, after.Files, "files of the other node")
	a.allReady(t, "master", "node-1", "node-2")
	closeTunnel()
	c.quiet(t)

	a, _ = c.tunnel(t)
	c.pods(t, a, map[string]string{"east": "node-1", "west": "node-2"})
	assert.True(t, strings.HasPrefix(c.in(t, a, "east", "get", "http://west/"), "west to "))
	assert.True(t, strings.HasPrefix(c.in(t, a, "west", "get", "http://east/"), "east to "))
	c.waves(t, a)
	c.pool(t, a)
	c.refusedSetting(t)
	c.cutOff(t, "node-1", "master")
	c.unrouted(t, "node-1")
}

// quiet applies again, which must do nothing.
func (c *cluster) quiet(t *testing.T) {
	t.Helper()
	before := c.traces(t, c.applied(t)...)
	r := c.apply(t)
	c.seconds(t, "no-op apply", r.took)
	assert.Contains(t, r.out, "Nothing changes")
	c.unchanged(t)
	for host, want := range before {
		assert.Equal(t, want, c.trace(t, host), "host %s", host)
	}
}
