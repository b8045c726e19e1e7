//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// probed is what testpod's probe found.
type probed struct {
	OK, Failed int
	Gap        time.Duration `json:"gap_ns"`
	Last       string
}

// probe asks the API through a host's own balancer until stop.
func (c *cluster) probe(t *testing.T, host string) (stop func() probed) {
	t.Helper()
	c.put(t, host, c.testpod, onHost)
	cmd, err := c.lab.Command(t.Context(), host, onHost, "probe", balancer+"/readyz", clusterCA, "20m")
	require.NoError(t, err)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	_, err = lines.ReadString('\n') // it has begun
	require.NoError(t, err)
	return func() probed {
		in.Close()
		rest, err := io.ReadAll(lines)
		require.NoError(t, err)
		require.NoError(t, cmd.Wait())
		var p probed
		require.NoError(t, json.Unmarshal(rest, &p), "%s", rest)
		return p
	}
}

// longestGap is how long the API may be out of a worker's reach when a master
// is lost: as long as a balancer's checks take to notice, on a busy machine.
const longestGap = 30 * time.Second

// masterLost cuts the power of the master that leads.
func (c *cluster) masterLost(t *testing.T) {
	a, closeTunnel := c.tunnel(t)
	holder := a.do(t, "-n", "kube-system", "get", "lease", "kube-controller-manager", "-o", "jsonpath={.spec.holderIdentity}")
	lost, _, _ := strings.Cut(holder, "_")
	require.Contains(t, []string{"m1", "m2", "m3"}, lost, "the leading controller manager is on a master")
	pods := a.do(t, "get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[*].containerID}")
	closeTunnel()
	stops := map[string]func() probed{}
	for _, worker := range []string{"n1", "n2"} {
		stops[worker] = c.probe(t, worker)
	}
	stopWrites := c.writes(t, "n1", inPod+"n2", outside)

	require.NoError(t, c.lab.PowerCut(t.Context(), lost))
	a, closeTunnel = c.tunnel(t)
	a.apply(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: written-meanwhile}\n", "apply", "-f", "-")
	for from, to := range map[string]string{"east": "west", "west": "east"} {
		assert.True(t, strings.HasPrefix(c.in(t, a, from, "get", "http://"+to+"/"), to+" to "), "pods keep talking")
	}
	for _, worker := range []string{"n1", "n2"} {
		c.seconds(t, "one master lost: DNS from "+worker, c.answersDNS(t, worker))
	}
	assert.Empty(t, c.plan(t).addresses(), "nothing is planned for a host that is skipped, its Node included")
	c.applyWithout(t, lost)
	w := stopWrites()
	c.note(t, "one master lost: writes", "%s", w)
	w.none(t)
	assert.Less(t, w.Gap, 3*longestGap, "%s", w.Last)
	faults.Record(t, "writes-master-lost", "Not one acknowledged write is lost with the leading master, and writes resume within seconds",
		"power of the leading one of three masters cut, under 100 writes a second from a host, a pod and the operator's tunnel", "%s", w)
	for worker, stop := range stops {
		p := stop()
		c.note(t, "one master lost: API gap through "+worker, "%.1f s (%d answers, %d without)", p.Gap.Seconds(), p.OK, p.Failed)
		assert.Less(t, p.Gap, longestGap, "%s: %s", worker, p.Last)
	}
	closeTunnel()

	began := time.Now()
	require.NoError(t, c.lab.PowerOn(t.Context(), lost))
	eventually(t, 2*time.Minute, "the cluster is whole again", func(context.Context) error {
		if st := c.status(t); !st.healthy() {
			return errors.New(st.String())
		}
		return nil
	})
	c.seconds(t, "lost master back and healthy by itself", time.Since(began))
	c.unchanged(t)
	a, _ = c.tunnel(t)
	assert.Equal(t, pods, a.do(t, "get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[*].containerID}"), "pods ran on")
}

// applyWithout applies while a host is down: it is named, the others are fine.
func (c *cluster) applyWithout(t *testing.T, lost string) {
	t.Helper()
	r := c.verb(t, "apply", "--yes")
	assert.Equal(t, 1, r.code, "%s", r.all())
	assert.Contains(t, r.all(), "host "+lost+" was skipped")
	assert.NotContains(t, r.all(), "failed:\n", "nothing else fails")
	for _, host := range c.applied(t) {
		if host != lost {
			assert.NotContains(t, r.all(), host+" failed", "the others are fine")
		}
	}
	c.seconds(t, "apply with one host down", r.took)
}
