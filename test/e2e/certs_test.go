//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/pki"
	"provision/test/faults"
)

// certs is an etcd host, a master without etcd, and a worker: what is due is
// renewed by the hosts' timers; then everything has ended, authorities included,
// and one command brings it back. In the end each host is as it was.
func (s *suite) certs(t *testing.T) {
	c := s.boot(t, "certs", extra("apart.hcl"), extra("shared-kernel.hcl"))
	bare := map[string][]string{}
	for _, host := range c.hosts() {
		bare[host] = c.bare(t, host)
	}
	c.apply(t)
	c.settled(t)
	c.byTimer(t)
	a, closeTunnel := c.tunnel(t)
	a.allReady(t, "master", "node-1")
	a.do(t, "create", "configmap", "kept", "--from-literal=since=before")
	closeTunnel()
	c.age(t)
	c.revived(t)
	r := c.verb(t, "reset", "--yes=apart")
	require.Zero(t, r.code, "%s", r.all())
	c.seconds(t, "reset of the whole cluster", r.took)
	for host, before := range bare {
		assert.Empty(t, lost(before, c.bare(t, host)), "%s is as it was", host)
	}
}

// byTimer runs the timer's service on each host: the worker and the etcd host
// have their requests signed by the master, and the master by the etcd host.
func (c *cluster) byTimer(t *testing.T) {
	crt, key := oldPair(t)
	due := map[string][]string{
		"store":  {"/etc/etcd/pki/client", "/etc/etcd/pki/server"},
		"master": {"/etc/kubernetes/pki/apiserver-etcd-client", "/etc/kubernetes/pki/apiserver-kubelet-client"},
		"node-1": {"/etc/kubernetes/pki/kube-proxy", "/etc/kubernetes/pki/kubelet-server"},
	}
	for host, pairs := range due {
		for _, pair := range pairs {
			c.put(t, host, crt, pair+".crt")
			c.put(t, host, key, pair+".key")
			c.on(t, host, "chmod", "600", pair+".key")
			c.on(t, host, "chmod", "644", pair+".crt")
		}
	}
	c.put(t, "store", c.ending(t, "store"), "/etc/kubernetes/pki/host.pem")
	c.on(t, "store", "chmod", "600", "/etc/kubernetes/pki/host.pem")
	r := c.verb(t, "certs", "status")
	require.Equal(t, 1, r.code, "%s", r.all())
	before := map[string]string{}
	for host, unit := range map[string]string{"master": "kube-apiserver", "store": "etcd"} {
		before[host] = c.on(t, host, "systemctl", "show", "-P", "InvocationID", unit)
	}
	took := eventually(t, 3*time.Minute, "all certificates are good", func(ctx context.Context) error {
		for _, host := range []string{"node-1", "store", "master"} {
			if _, err := c.lab.Exec(ctx, host, "systemctl", "start", "--no-block", "provision-renew.service"); err != nil {
				return err
			}
		}
		if r := c.verb(t, "certs", "status"); r.code != 0 {
			return fmt.Errorf("%s", tail(r.all(), 12))
		}
		return nil
	})
	c.settled(t)
	for host, unit := range map[string]string{"master": "kube-apiserver", "store": "etcd"} {
		assert.Equal(t, before[host], c.on(t, host, "systemctl", "show", "-P", "InvocationID", unit), "%s reads its certificates again", unit)
	}
	d, said := c.diagnose(t)
	assert.True(t, d.Healthy, "%s", said.out)
	faults.Record(t, "certs-timer", "hosts renew their certificates by themselves, also those without kubelet: the plan is empty afterwards, and no service was restarted for it",
		"certificates of an etcd host, a master without etcd and a worker replaced by expired or nearly expired ones; the timer's service run on each host", "7 certificates in %.1f s", took.Seconds())
}

// identityDir is where hosts keep keys of authorities.
const identityDir = "/var/lib/provision/identity"

// ending is access of a host's own that has an hour to live, as a file.
func (c *cluster) ending(t *testing.T, host string) string {
	t.Helper()
	ca, err := pki.ParseCA([]byte(c.on(t, "master", "cat", identityDir+"/cluster.crt")), []byte(c.on(t, "master", "cat", identityDir+"/cluster.key")))
	require.NoError(t, err)
	private, err := pki.NewKey(pki.Env{})
	require.NoError(t, err)
	csr, err := pki.CSR(pki.Env{}, private, pki.Request{CommonName: pki.HostUser(host), Organizations: []string{pki.Hosts}})
	require.NoError(t, err)
	crt, err := ca.Sign(pki.Env{}, csr, pki.Leaf{Client: true, Life: time.Hour})
	require.NoError(t, err)
	secret, err := private.PEM()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "host.pem")
	require.NoError(t, os.WriteFile(file, append(crt, secret...), 0o600))
	return file
}

// age ends everything: see provision/agent/aged_test.go.
func (c *cluster) age(t *testing.T) {
	program := filepath.Join(c.folder, "age")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "labhost", "-o", program, repo+"/provision/agent/keys")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	carry := func(from, path, to, as string) {
		local := filepath.Join(t.TempDir(), "carried")
		require.NoError(t, os.WriteFile(local, []byte(c.on(t, from, "cat", path)), 0o600))
		c.put(t, to, local, as)
	}
	for _, host := range []string{"master", "store", "node-1"} {
		c.put(t, host, program, "/root/age")
		c.on(t, host, "mkdir", "-p", "/root/aged")
		if host == "master" {
			carry("store", identityDir+"/etcd.key", "master", "/root/aged/etcd.key")
		} else {
			for _, file := range []string{"cluster.crt", "cluster.key", "etcd.crt", "etcd.key", "front-proxy.crt", "front-proxy.key"} {
				carry("master", "/root/aged/"+file, host, "/root/aged/"+file)
			}
		}
		said := c.on(t, host, "env", "PROVISION_AGED=/root/aged", "/root/age", "-test.v", "-test.run", "TestAge$")
		require.Contains(t, said, "--- PASS")
	}
	for _, host := range c.hosts() {
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
	a.allReady(t, "master", "node-1")
	assert.Contains(t, a.do(t, "get", "configmap", "kept", "-o", "yaml"), "since: before")
	r = c.verb(t, "certs", "status")
	assert.Zero(t, r.code, "%s", r.all())
	faults.Record(t, "certs-all-ended", "one command revives a cluster with every certificate expired, authorities included, without the API; its data stay",
		"authorities and all certificates of an etcd host, a master and a worker expired a year ago, all services restarted", "%.0f s, whole %.0f s later", took.Seconds(), whole.Seconds())
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
