//go:build e2e

package e2e

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// flushed takes kube-proxy's rules away, as a flush of the packet filter does:
// it runs on, and does not look. The doctor names the host, and what fixes it.
func (c *cluster) flushed(t *testing.T) {
	c.on(t, "k1", "nft", "flush", "ruleset")
	var command string
	var looked time.Duration
	eventually(t, 2*time.Minute, "the doctor names a host without services", func(context.Context) error {
		d, r := c.diagnose(t)
		i := slices.IndexFunc(d.Findings, func(f found) bool { return f.Host == "k1" && f.What == "no-services" })
		if i < 0 {
			return errors.New(r.out)
		}
		command, _, _ = strings.Cut(d.Findings[i].First, ";")
		looked = r.took
		return nil
	})
	require.Equal(t, "systemctl restart kube-proxy.service", command)
	c.on(t, "k1", strings.Fields(command)...)
	c.calm(t)
	c.unchanged(t)
	faults.Record(t, "doctor-no-services", "doctor names a host that can use no service of the cluster while all programs run, and the command that fixes it",
		"the packet filter of a host flushed by hand: kube-proxy does not look at its rules for an hour", "named in %.1f s", looked.Seconds())
}

// unrouted takes the interface to the pods of other hosts away. flanneld runs on
// and makes it again, without the routes. The doctor names the host, and what
// fixes it.
func (c *cluster) unrouted(t *testing.T, host string) {
	before := c.on(t, host, "ip", "-4", "route", "show", "dev", "flannel.1")
	require.NotEmpty(t, before)
	c.on(t, host, "ip", "link", "del", "flannel.1")
	var first string
	var looked time.Duration
	eventually(t, 3*time.Minute, "the doctor names a host without routes", func(context.Context) error {
		d, r := c.diagnose(t)
		i := slices.IndexFunc(d.Findings, func(f found) bool { return f.Host == host && f.What == "no-routes" })
		if i < 0 {
			return errors.New(r.out)
		}
		first, looked = d.Findings[i].First, r.took
		return nil
	})
	require.Equal(t, "systemctl restart flanneld.service", first)
	c.on(t, host, strings.Fields(first)...)
	eventually(t, 2*time.Minute, "the routes are there again", func(ctx context.Context) error {
		now, err := c.lab.Exec(ctx, host, "ip", "-4", "route", "show", "dev", "flannel.1")
		if err == nil && now != before {
			err = errors.New(now)
		}
		return err
	})
	c.calm(t)
	faults.Record(t, "doctor-no-routes", "doctor names a host without routes to other hosts' pods while all programs run, and the command that fixes it",
		"flannel's interface deleted on a worker: flanneld makes it again, but not the routes", "named in %.1f s", looked.Seconds())
}
