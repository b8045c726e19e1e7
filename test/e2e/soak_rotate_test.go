//go:build e2e && soak

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSoakRotation replaces each authority and key of three masters under load;
// the run is killed once. What the old ones signed is refused afterwards. It takes
// longer than a journey may: ten rolling restarts of three control planes.
func TestSoakRotation(t *testing.T) {
	c := newSuite(t).boot(t, "rotate", extra("rotate.hcl"), extra("shared-kernel.hcl"))
	c.apply(t)
	old := c.keepOld(t)
	stop := c.writes(t, "r1", inPod+"r2")

	c.rotated(t, "cluster", "rotate-ca", "cluster")
	c.podsTrust(t, "r2", 2)
	c.rotated(t, "cluster", "rotate-ca", "cluster", "--now")
	c.killRotation(t)
	c.rotated(t, "etcd, after a kill", "rotate-ca", "etcd")
	c.rotated(t, "front-proxy", "rotate-ca", "front-proxy")
	c.rotated(t, "encryption", "rotate-key", "encryption")
	waits := c.rotated(t, "service-account", "rotate-key", "service-account")
	assert.Contains(t, waits.all(), "waits (phase signed)", "tokens of pods get time")

	w := stop()
	w.none(t)
	c.note(t, "writes", "%s", w)
	assert.Less(t, w.Gap, 3*longestGap, "%s", w.Last)
	c.rotated(t, "service-account, the old key dropped", "rotate-key", "service-account", "--now")
	c.oldRefused(t, old)
	c.unchanged(t)
}

// rotated runs a rotation until it is over or waits.
func (c *cluster) rotated(t *testing.T, what string, args ...string) ran {
	t.Helper()
	r := c.provision(t, append(append(append([]string{"certs"}, args...), "--yes"), c.inventory()...)...)
	require.Zero(t, r.code, "%s", r.all())
	c.seconds(t, "rotation of "+what, r.took)
	return r
}

// killRotation kills the rotation of etcd's authority when the first member has
// restarted.
func (c *cluster) killRotation(t *testing.T) {
	t.Helper()
	cmd := c.command(t.Context(), append([]string{"certs", "rotate-ca", "etcd", "--yes"}, c.inventory()...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if !killed && strings.Contains(lines.Text(), `unit["etcd.service"] restarted`) {
			killed = true
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait())
	require.True(t, killed, "no member was restarted")
}

// podsTrust waits until the pods of a host are told of so many authorities.
// kubelet looks after a pod at once when it changes, else once a minute.
func (c *cluster) podsTrust(t *testing.T, host string, want int) {
	t.Helper()
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	a.do(t, "annotate", "pods", "--all", "--all-namespaces", "--overwrite", fmt.Sprintf("looked=at-%d", time.Now().Unix()))
	took := eventually(t, 3*time.Minute, "pods are told of the authorities", func(ctx context.Context) error {
		out, err := c.lab.Exec(ctx, host, "sh", "-c", "grep -c 'BEGIN CERTIFICATE' /dev/null /var/lib/kubelet/pods/*/volumes/kubernetes.io~projected/*/..data/ca.crt")
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, "/dev/null:") && !strings.HasSuffix(line, fmt.Sprintf(":%d\n", want)) {
				return errors.New(line)
			}
		}
		return err
	})
	c.seconds(t, "pods are told of a new authority", took)
}

const oldDir = "/root/before"

// keepOld keeps what the authorities and keys of now signed.
func (c *cluster) keepOld(t *testing.T) (token string) {
	t.Helper()
	c.on(t, "r1", "sh", "-c", "mkdir "+oldDir+" && cp /etc/kubernetes/pki/* /etc/etcd/pki/client.* "+oldDir+" && cp /etc/etcd/pki/ca.crt "+oldDir+"/etcd-ca.crt")
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	a.do(t, "create", "secret", "generic", "kept", "--from-literal=word=plain")
	return a.do(t, "create", "token", "default", "--duration=2h")
}

// oldRefused checks that none of it is worth anything any more.
func (c *cluster) oldRefused(t *testing.T, token string) {
	t.Helper()
	kubectl := []string{"/usr/local/bin/kubectl", "--kubeconfig=/dev/null", "--server=https://127.0.0.1:6443", "get", "--raw=/api"}
	now := "--certificate-authority=/etc/kubernetes/pki/ca.crt"
	pair := func(dir, name string) []string {
		return []string{"--client-certificate=" + dir + "/" + name + ".crt", "--client-key=" + dir + "/" + name + ".key"}
	}
	etcdctl := func(dir, ca string) []string {
		return []string{"/usr/local/bin/etcdctl", "--command-timeout=5s", "--endpoints=https://127.0.0.1:2379", "--cacert=" + ca, "--cert=" + dir + "/client.crt", "--key=" + dir + "/client.key",
			"get", "--print-value-only", "/registry/secrets/default/kept"}
	}
	c.on(t, "r1", append(append(kubectl, now), pair("/etc/kubernetes/pki", "scheduler")...)...)
	for what, argv := range map[string][]string{
		"an API server, by the old authority": append(append(kubectl, "--certificate-authority="+oldDir+"/ca.crt"), pair("/etc/kubernetes/pki", "scheduler")...),
		"a client of the old authority":       append(append(kubectl, now), pair(oldDir, "scheduler")...),
		"a token of the old key":              append(append(kubectl, now), "--token="+token),
		"a client of etcd's old authority":    etcdctl(oldDir, "/etc/etcd/pki/ca.crt"),
		"etcd, by its old authority":          etcdctl("/etc/etcd/pki", oldDir+"/etcd-ca.crt"),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := c.lab.Exec(ctx, "r1", argv...)
		cancel()
		assert.Error(t, err, "%s is accepted", what)
	}
	stored := c.on(t, "r1", etcdctl("/etc/etcd/pki", "/etc/etcd/pki/ca.crt")...)
	assert.Contains(t, stored, "k8s:enc:secretbox:v1:key")
	assert.NotContains(t, stored, ":key1:", "Secrets are encrypted with the new key")
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	assert.Equal(t, "cGxhaW4=", a.do(t, "get", "secret", "kept", "-o", "jsonpath={.data.word}"))
}
