//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// snapshotFile saves a snapshot of a host's etcd, and brings it here.
func (c *cluster) snapshotFile(t *testing.T, host string) string {
	t.Helper()
	c.on(t, host, etcdctl("snapshot", "save", "/root/etcd.snapshot")...)
	cmd, err := c.lab.Command(t.Context(), host, "cat", "/root/etcd.snapshot")
	require.NoError(t, err)
	data, err := cmd.Output()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "etcd.snapshot")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	return file
}

// restoreFrom is the verb, with the consent that is given.
func (c *cluster) restoreFrom(t *testing.T, file string, args ...string) ran {
	t.Helper()
	return c.provision(t, append(append([]string{"etcd", "restore"}, args...), append(c.inventory(), file)...)...)
}

// restore makes a cluster of three masters with etcd, and loses its data.
func (s *suite) restore(t *testing.T) {
	c := s.boot(t, "restore", extra("grow-1.hcl"), extra("grow-3.hcl"), extra("shared-kernel.hcl"))
	c.apply(t)
	c.restored(t, "g1", "g2", "g3")
}

// restored loses all data of etcd, on all its hosts, and brings the cluster back:
// what runs on hosts, what the API says and what watchers see agree afterwards.
func (c *cluster) restored(t *testing.T, hosts ...string) {
	a, closeTunnel := c.tunnel(t)
	c.pods(t, a, map[string]string{"then": hosts[1]})
	file := c.snapshotFile(t, hosts[0])
	a.do(t, "delete", "pod", "then", "--grace-period=1")
	c.pods(t, a, map[string]string{"since": hosts[1]})
	seen := a.do(t, "get", "pod", "since", "-o", "jsonpath={.metadata.resourceVersion}")
	closeTunnel()
	c.unusable(t, file, hosts)

	for _, host := range hosts {
		c.loseEtcd(t, host)
	}
	c.refused(t, c.verb(t, "apply", "--yes"), "all etcd data of cluster", "Nothing was changed", "provision etcd restore")
	r := c.restoreFrom(t, file, "--yes")
	require.Zero(t, r.code, "%s", r.all())
	c.seconds(t, "restore three etcd members", r.took)
	c.threeVoters(t)
	c.unchanged(t)

	a, closeTunnel = c.tunnel(t)
	defer closeTunnel()
	a.allReady(t, hosts...)
	// A watch that began before is ended by an event, or refused.
	out, err := a.try(t.Context(), "", "get", "--raw", "/api/v1/pods?watch=1&timeoutSeconds=5&resourceVersion="+seen)
	if err != nil {
		out += err.Error()
	}
	assert.Contains(t, out, "too old resource version", "who watches reads everything anew")
	took := eventually(t, 2*time.Minute, "hosts run what the API says", func(ctx context.Context) error {
		if running := c.containersOf(t, hosts[1], "since"); running != "" {
			return fmt.Errorf("a pod that the API does not know runs: %s", running)
		}
		if c.containersOf(t, hosts[1], "then") == "" {
			return errors.New("a pod that the API knows does not run")
		}
		return nil
	})
	require.False(t, t.Failed())
	c.seconds(t, "pods agree after that", took)
}

// unusable tries files that are none: nothing on the hosts changes.
func (c *cluster) unusable(t *testing.T, file string, hosts []string) {
	t.Helper()
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	before := c.traces(t, hosts...)
	for name, content := range map[string][]byte{"cut.snapshot": whole[:len(whole)/2], "empty.snapshot": nil, "other.snapshot": []byte("-----BEGIN")} {
		bad := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(bad, content, 0o600))
		c.refused(t, c.restoreFrom(t, bad, "--yes"), bad, "nothing was changed", "give")
	}
	for host, want := range before {
		assert.Empty(t, restarted(want.Units, c.trace(t, host).Units), "units restarted on %s", host)
	}
}

// containersOf are the containers of a pod that run on a host.
func (c *cluster) containersOf(t *testing.T, host, pod string) string {
	t.Helper()
	return strings.TrimSpace(c.on(t, host, "ctr", "-n", "k8s.io", "containers", "ls", "-q", `labels."io.kubernetes.pod.name"==`+pod))
}
