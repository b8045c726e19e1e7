//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const outsider = "legacy-1"

// outside lets a host outside the cluster reach pods: while somebody flushes its
// routes, after it booted with the API down, and until a Node is gone. Then it is
// given back.
func (s *suite) outside(t *testing.T) {
	c := s.boot(t, "outside", sample("outside.hcl"), extra("shared-kernel.hcl"))
	pulled := c.provision(t, append([]string{"bundle", "pull"}, c.inventory()...)...) // its own program, out of itself
	require.Zero(t, pulled.code, "%s", pulled.all())
	// A route of the operator's own.
	c.on(t, outsider, "ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.11", "proto", "static")
	bare, table := c.bare(t, outsider), c.table(t)
	c.apply(t)
	assert.Empty(t, strings.TrimSpace(c.on(t, outsider, "sh", "-c", "command -v kubelet containerd || true")))
	a, closeTunnel := c.tunnel(t)
	a.allReady(t, "master", "node-1", "node-2")
	c.pods(t, a, map[string]string{"east": "node-1", "west": "node-2"})
	c.put(t, outsider, c.testpod, onHost)
	pod := a.do(t, "get", "pod", "west", "-o", "jsonpath={.status.podIP}")
	c.reaches(t, pod)
	c.holds(t)
	c.bootsAlone(t, pod)

	var gone time.Time
	eventually(t, time.Minute, "the API lets in who may delete Nodes", func(ctx context.Context) error { // it has just started
		gone = time.Now()
		_, err := a.try(ctx, "", "delete", "node", "node-2", "--wait=false")
		return err
	})
	c.routed(t, 2)
	c.seconds(t, "route gone after its Node", time.Since(gone))
	assert.Less(t, time.Since(gone), 2*time.Second)
	closeTunnel()

	r := c.verb(t, "reset", outsider, "--yes")
	require.Zero(t, r.code, "%s", r.all())
	assert.Empty(t, lost(bare, c.bare(t, outsider)), "it is as it was")
	c.on(t, outsider, "ip", "route", "replace", "198.51.100.0/24", "via", "192.0.2.11", "proto", "static") // the boot took it
	assert.Equal(t, table, c.table(t))
}

// table is the outsider's, without what others change.
func (c *cluster) table(t *testing.T) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(c.on(t, outsider, "ip", "-4", "route", "show", "table", "main")), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	slices.Sort(lines)
	return lines
}

// reaches: the outsider calls a pod, which sees who called.
func (c *cluster) reaches(t *testing.T, pod string) {
	t.Helper()
	eventually(t, 30*time.Second, "the pod answers "+outsider, func(ctx context.Context) error {
		out, err := c.lab.Exec(ctx, outsider, onHost, "get", "http://"+pod+":8080/")
		if err == nil && !strings.Contains(out, "west to 192.0.2.31:") {
			err = fmt.Errorf("it says %q", out)
		}
		return err
	})
}

// routed waits until there are so many routes of ours.
func (c *cluster) routed(t *testing.T, n int) time.Duration {
	t.Helper()
	return eventually(t, 20*time.Second, fmt.Sprintf("%d routes to pods", n), func(ctx context.Context) error {
		out, err := c.lab.Exec(ctx, outsider, "ip", "-4", "route", "show", "proto", "119")
		if err == nil && strings.Count(out, "via") != n {
			err = fmt.Errorf("there are others:\n%s", out)
		}
		return err
	})
}

// holds: what somebody flushes is back, and theirs stays.
func (c *cluster) holds(t *testing.T) {
	c.routed(t, 3)
	// Asked on the host itself: a look from outside takes longer than the promise.
	out := c.on(t, outsider, "sh", "-c", `ip -4 route flush proto 119; began=$(date +%s%N)
until [ "$(ip -4 route show proto 119 | grep -c via)" = 3 ]; do sleep 0.02; done; echo $((($(date +%s%N) - began) / 1000000))`)
	var ms int
	_, err := fmt.Sscan(out, &ms)
	require.NoError(t, err)
	assert.Less(t, ms, 1000, "milliseconds until all are back")
	c.seconds(t, "flushed routes back", time.Duration(ms)*time.Millisecond)
	assert.Contains(t, strings.Join(c.table(t), "\n"), "198.51.100.0/24 via 192.0.2.11")
}

// bootsAlone: with the API down, routes are there after a boot and lead to pods.
func (c *cluster) bootsAlone(t *testing.T, pod string) {
	c.on(t, "master", "systemctl", "stop", "kube-apiserver")
	c.routed(t, 3)
	require.NoError(t, c.lab.PowerCut(t.Context(), outsider))
	require.NoError(t, c.lab.PowerOn(t.Context(), outsider))
	c.routed(t, 3)
	c.put(t, outsider, c.testpod, onHost)
	c.reaches(t, pod)
	assert.Contains(t, c.on(t, outsider, "systemctl", "status", "provision-routes"), "3 routes to pods")
	c.on(t, "master", "systemctl", "start", "kube-apiserver")
}
