//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// hung halts services by a signal, as a process that hangs is: systemd calls
// them active. The doctor names each, and the command that it gives fixes it.
func (c *cluster) hung(t *testing.T) {
	units := []string{"containerd.service", "kubelet.service", "kube-proxy.service", "kube-scheduler.service", "kube-controller-manager.service"}
	for _, unit := range units {
		c.on(t, "k1", "systemctl", "kill", "--kill-whom=main", "--signal=STOP", unit)
		assert.Equal(t, "active", c.on(t, "k1", "systemctl", "is-active", unit))
	}
	var d diagnosed
	var looked time.Duration
	eventually(t, 2*time.Minute, "the doctor names what hangs", func(context.Context) error {
		var r ran
		d, r = c.diagnose(t)
		looked = max(looked, r.took)
		for _, unit := range units {
			if len(d.silent(unit)) == 0 {
				return fmt.Errorf("%s is not said to be silent in %s", unit, r.out)
			}
		}
		return nil
	})
	for _, unit := range units {
		command := d.silent(unit)
		assert.Equal(t, []string{"systemctl", "restart", unit}, command)
		c.on(t, "k1", command...)
	}
	c.calm(t)
	c.unchanged(t)
	faults.Record(t, "doctor-hung-services", "doctor names services that systemd calls active but that do not answer, and the command that fixes them",
		"containerd, kubelet, kube-proxy, kube-scheduler and kube-controller-manager of one host halted by SIGSTOP, all at once", "5 of 5 named; the slowest look took %.1f s", looked.Seconds())
}

// silent is the command that fixes a unit that is said to hang.
func (d diagnosed) silent(unit string) []string {
	for _, f := range d.Findings {
		if f.Unit == unit && f.What == "silent" {
			return strings.Fields(f.First)
		}
	}
	return nil
}

// cutOff drops what a host sends to the API servers: the doctor names that host
// and where to look, and no service of it.
func (c *cluster) cutOff(t *testing.T, host, master string) {
	require.NoError(t, c.lab.Block(t.Context(), master, []string{host}, 6443))
	var looked time.Duration
	eventually(t, 2*time.Minute, "the doctor names the host that is cut off", func(context.Context) error {
		d, r := c.diagnose(t)
		looked = max(looked, r.took)
		i := slices.IndexFunc(d.Findings, func(f found) bool { return f.Host == host && f.What == "no-api" })
		if i < 0 {
			return errors.New(r.out)
		}
		assert.Contains(t, d.Findings[i].Cause, "a firewall or a missing route")
		assert.Contains(t, d.Findings[i].First, "nft list ruleset")
		for _, f := range d.Findings {
			assert.NotEqual(t, "silent", f.What, "%s", r.out)
			if f.What == "disk-filling" {
				continue // the machine's disk, which all labs share
			}
			assert.True(t, f.Host == host || f.Host == "cluster", "somebody else is blamed: %s", r.out)
		}
		return nil
	})
	require.NoError(t, c.lab.RestoreNetwork(t.Context(), master))
	c.calm(t)
	faults.Record(t, "doctor-cut-off", "doctor names a host that reaches no API server while others do, says to check firewalls and routes, and blames no service on it",
		"what a worker sends to port 6443 of the only master is dropped", "named; the slowest look took %.1f s", looked.Seconds())
}
