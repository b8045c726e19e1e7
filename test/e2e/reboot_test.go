//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// bootTime is how long a lab host may take to come back on a busy machine.
const bootTime = 3 * time.Minute

// reboot reboots the only master and a worker that need it, while the other
// worker writes. The operator is killed when the worker is down.
func (c *cluster) reboot(t *testing.T) {
	verb := []string{"node", "reboot", "--all", "--if-needed", "--yes"}
	before := c.boots(t)
	assert.Contains(t, c.ran(t, verb...).out, "Nothing changes", "nobody needs it")
	for _, host := range []string{"master", "node-1"} {
		c.on(t, host, "sh", "-c", "echo linux-base >/run/reboot-required.pkgs; touch /run/reboot-required")
	}
	assert.Contains(t, c.verb(t, "status").out, "needs a reboot")

	stop := c.writes(t, "node-2")
	began := time.Now()
	killed := c.killedIn(t, `"node-1/reboot[`, verb, func() {
		eventually(t, bootTime, "node-1 boots", func(ctx context.Context) error {
			if now, err := c.lab.Exec(ctx, "node-1", "cat", bootIDFile); err != nil || now == before["node-1"] {
				return errors.New("it has not")
			}
			return nil
		})
	})
	require.True(t, killed)
	between := c.boots(t)
	assert.NotEqual(t, before["master"], between["master"])
	assert.NotEqual(t, before["node-1"], between["node-1"])
	cordoned := c.node(t, "node-1", "{.spec.unschedulable}")
	r := c.ran(t, verb...)
	took := time.Since(began)
	assert.Contains(t, r.out, "already rebooted host node-1", "it is not rebooted again")
	w := stop()
	w.none(t)
	assert.Equal(t, between, c.boots(t))
	assert.Equal(t, before["node-2"], between["node-2"], "it needed none")
	assert.Empty(t, c.node(t, "node-1", "{.spec.unschedulable}"))
	assert.Empty(t, c.node(t, "master", "{.spec.unschedulable}"))
	c.unchanged(t)
	assert.Contains(t, c.ran(t, verb...).out, "Nothing changes")
	one := c.ran(t, "node", "reboot", "node-2", "--yes").took
	assert.NotEqual(t, before["node-2"], c.boots(t)["node-2"], "who is named is rebooted")
	c.seconds(t, "reboot of a worker, drained", one)
	faults.Record(t, "reboot-killed", "After the operator is killed, the same command finishes the reboots, no host reboots twice, and no acknowledged write is lost, the only master included",
		"the master and a worker rebooted under 100 writes a second from another worker; SIGKILL while the worker is down",
		"%s; all done after %.0f s; cordoned at the kill: %s; each rebooted once, an empty plan; one worker takes %.1f s", w, took.Seconds(), cordoned, one.Seconds())
}

const bootIDFile = "/proc/sys/kernel/random/boot_id"

// boots are the boots that the hosts run.
func (c *cluster) boots(t *testing.T) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, host := range c.hosts() {
		ids[host] = c.on(t, host, "cat", bootIDFile)
	}
	return ids
}

// killedIn kills a run with SIGKILL. It waits for the start of a step whose line of
// JSON has the text in it, and calls a function first. It reports whether it did.
func (c *cluster) killedIn(t *testing.T, text string, verb []string, first func()) bool {
	t.Helper()
	cmd := c.command(t.Context(), append(append(verb, "--json"), c.inventory()...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs strings.Builder
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	killed := false
	for lines.Scan() {
		line := strings.ReplaceAll(lines.Text(), `\"`, ``)
		if !killed && strings.Contains(line, `"type":"step_started"`) && strings.Contains(line, text) {
			first()
			require.NoError(t, cmd.Process.Kill())
			killed = true
		}
	}
	require.NoError(t, lines.Err())
	if err := cmd.Wait(); !killed {
		require.NoError(t, err, "%s", errs.String())
	}
	return killed
}
