//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// certs is a master and two workers whose timers renew what is due.
func (s *suite) certs(t *testing.T) {
	c := s.boot(t, "certs", sample("small.hcl"), extra("shared-kernel.hcl"))
	c.apply(t)
	c.byTimer(t)
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	a.allReady(t, "master", "node-1", "node-2")
}

// byTimer runs the timer's service once on each host: a worker's has its
// request signed by the master's.
func (c *cluster) byTimer(t *testing.T) {
	crt, key := oldPair(t)
	due := map[string][]string{
		"master": {"/etc/etcd/pki/client", "/etc/kubernetes/pki/apiserver-kubelet-client"},
		"node-1": {"/etc/kubernetes/pki/kube-proxy", "/etc/kubernetes/pki/kubelet-server"},
		"node-2": {"/etc/kubernetes/pki/flannel"},
	}
	for host, pairs := range due {
		for _, pair := range pairs {
			c.put(t, host, crt, pair+".crt")
			c.put(t, host, key, pair+".key")
			c.on(t, host, "chmod", "600", pair+".key")
			c.on(t, host, "chmod", "644", pair+".crt")
		}
	}
	invocation := c.on(t, "master", "systemctl", "show", "-P", "InvocationID", "kube-apiserver")
	started := time.Now()
	for _, host := range []string{"node-1", "node-2"} {
		c.on(t, host, "systemctl", "start", "--no-block", "provision-renew.service")
	}
	for _, host := range []string{"node-1", "node-2"} {
		eventually(t, 3*time.Minute, host+" has what it asked for", func(ctx context.Context) error {
			if _, err := c.lab.Exec(ctx, "master", "systemctl", "start", "provision-renew.service"); err != nil {
				return err
			}
			state, err := c.lab.Exec(ctx, host, "systemctl", "show", "-P", "ActiveState", "provision-renew.service")
			if err == nil && strings.TrimSpace(state) == "activating" {
				err = errors.New("it waits")
			}
			return err
		})
	}
	took := time.Since(started)
	c.settled(t)
	assert.Equal(t, invocation, c.on(t, "master", "systemctl", "show", "-P", "InvocationID", "kube-apiserver"), "it reads its certificates again")
	r := c.verb(t, "certs", "status")
	require.Zero(t, r.code, "%s", r.all())
	faults.Record(t, "certs-timer", "hosts renew their certificates by themselves: the plan is empty afterwards, and no service was restarted for it",
		"certificates of a master and two workers replaced by ones that have ended; the timer's service run on each host", "5 certificates in %.1f s", took.Seconds())
}

// settled waits until there is nothing to do: the API, which was busy with its
// certificates, tells of everything.
func (c *cluster) settled(t *testing.T) time.Duration {
	t.Helper()
	return eventually(t, 5*time.Minute, "the plan is empty", func(context.Context) error {
		if r := c.verb(t, "plan", "--detailed-exitcode"); r.code != 0 {
			return fmt.Errorf("%s", tail(r.all(), 12))
		}
		return nil
	})
}
