//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// certs is a master and two workers: what is due is renewed by the hosts'
// timers; then everything has ended, authorities included, and one command
// brings it back.
func (s *suite) certs(t *testing.T) {
	c := s.boot(t, "certs", sample("small.hcl"), extra("shared-kernel.hcl"))
	c.apply(t)
	c.byTimer(t)
	a, closeTunnel := c.tunnel(t)
	a.allReady(t, "master", "node-1", "node-2")
	a.do(t, "create", "configmap", "kept", "--from-literal=since=before")
	closeTunnel()
	c.age(t)
	c.revived(t)
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

// age ends everything: see provision/agent/aged_test.go.
func (c *cluster) age(t *testing.T) {
	program := filepath.Join(c.folder, "age")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "labhost", "-o", program, repo+"/provision/agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, host := range []string{"master", "node-1", "node-2"} {
		c.put(t, host, program, "/root/age")
		c.on(t, host, "mkdir", "-p", "/root/aged")
		for _, ca := range []string{"cluster", "etcd", "front-proxy"} {
			for _, end := range []string{".crt", ".key"} {
				if file := ca + end; host != "master" {
					local := filepath.Join(t.TempDir(), file)
					require.NoError(t, os.WriteFile(local, []byte(c.on(t, "master", "cat", "/root/aged/"+file)), 0o600))
					c.put(t, host, local, "/root/aged/"+file)
				}
			}
		}
		said := c.on(t, host, "env", "PROVISION_AGED=/root/aged", "/root/age", "-test.v", "-test.run", "TestAge$")
		require.Contains(t, said, "--- PASS")
	}
	for _, host := range []string{"master", "node-1", "node-2"} {
		c.on(t, host, "rm", "-rf", "/root/aged", "/root/age")
		c.on(t, host, "sh", "-c", "systemctl restart --no-block etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy flanneld haproxy || true")
	}
}

// revived is told by the doctor what to do, does it, and finds all as it was.
func (c *cluster) revived(t *testing.T) {
	r := c.verb(t, "certs", "status")
	require.Equal(t, 1, r.code, "%s", r.all())
	require.Contains(t, r.out, "ended", "%s", r.all())
	r = c.verb(t, "plan")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.all(), "provision certs renew")
	d, said := c.diagnose(t)
	require.False(t, d.Healthy)
	command := ""
	for _, f := range d.Findings {
		if f.What == "certificate" && strings.Contains(f.Summary, "authority") {
			command = f.Command
		}
	}
	require.Contains(t, command, "certs renew", "%s", said.out)
	started := time.Now()
	r = c.verb(t, "certs", "renew", "--yes")
	require.Zero(t, r.code, "%s", r.all())
	took := time.Since(started)
	c.seconds(t, "renew everything", took)
	whole := c.settled(t)
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	a.allReady(t, "master", "node-1", "node-2")
	assert.Contains(t, a.do(t, "get", "configmap", "kept", "-o", "yaml"), "since: before")
	r = c.verb(t, "certs", "status")
	assert.Zero(t, r.code, "%s", r.all())
	faults.Record(t, "certs-all-ended", "one command brings back a cluster whose every certificate has ended, authorities included, without the API; its data stay",
		"authorities and all certificates of a master and two workers ended a year ago, all services restarted", "%.0f s, whole %.0f s later", took.Seconds(), whole.Seconds())
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
