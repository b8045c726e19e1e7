//go:build e2e

package e2e

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// reset gives one host of a living cluster back, and then, killed in the middle
// and run again, the whole cluster. Each host is compared with itself before.
func (s *suite) reset(t *testing.T) {
	c := s.boot(t, "reset", sample("small.hcl"), extra("shared-kernel.hcl"))
	c.linked(t, "master", "/var/lib/etcd", "/var/lib/kubelet")
	c.linked(t, "node-2", "/var/lib/kubelet")
	bare := map[string][]string{}
	for _, host := range c.hosts() {
		bare[host] = c.bare(t, host)
	}
	c.notOurs(t, bare["node-1"])
	c.apply(t)
	c.resetsOne(t, bare["node-1"])
	c.resetsAll(t, bare)
}

// notOurs: a host that provision never touched, and what takes a name.
func (c *cluster) notOurs(t *testing.T, bare []string) {
	r := c.verb(t, "reset", "node-1", "--yes")
	c.refused(t, r, "node-1: it has no ledger")
	r = c.verb(t, "reset", "--yes")
	c.refused(t, r, "--yes=small")
	left := lost(bare, c.bare(t, "node-1"))
	assert.Empty(t, left)
	faults.Record(t, "reset-stranger", "A host that provision never touched is not reset, and a whole cluster only by its name",
		"reset of a bare host, and of the whole cluster with a bare --yes", "both refused; %d of %d things on the host differ", len(left), len(bare))
}

func (c *cluster) resetsOne(t *testing.T, bare []string) {
	r := c.verb(t, "reset", "master", "--yes")
	assert.Equal(t, 1, r.code, "%s", r.all())
	assert.NotContains(t, r.all(), "Applying", "the last master, and the last etcd member, stay")
	r = c.verb(t, "reset", "node-1", "--yes")
	require.Zero(t, r.code, "%s", r.all())
	c.seconds(t, "reset of a worker", r.took)
	left := lost(bare, c.bare(t, "node-1"))
	assert.Empty(t, left, "node-1 is as it was")
	a, closeTunnel := c.tunnel(t)
	assert.NotContains(t, a.do(t, "get", "nodes", "-o", "name"), "node/node-1")
	closeTunnel()
	faults.Record(t, "reset-worker", "A host that is reset is drained, its Node deleted, and the host is as it was before its first apply; the last master is refused",
		"reset of a worker of a living cluster, and of its only master", "%.1f s; %d paths, units, interfaces, mounts, groups and packages compared, %d differ",
		r.took.Seconds(), len(bare), len(left))
	c.seconds(t, "and back", c.apply(t).took)
	c.unchanged(t)
}

func (c *cluster) resetsAll(t *testing.T, bare map[string][]string) {
	verb := []string{"reset", "--yes=small"}
	killed := c.during(t, verb, moment{"step_done", 60}, func(cmd *exec.Cmd) bool { return cmd.Process.Kill() == nil })
	require.True(t, killed)
	r := c.verb(t, "reset", "--yes=small")
	require.Zero(t, r.code, "%s", r.all())
	c.seconds(t, "reset of the whole cluster, the rest of it", r.took)
	for host, folders := range map[string][]string{"master": {"/srv/data/var/lib/etcd", "/srv/data/var/lib/kubelet"}, "node-2": {"/srv/data/var/lib/kubelet"}} {
		for _, folder := range folders {
			assert.Empty(t, c.on(t, host, "ls", "-A", folder), "what is behind the link of %s", host)
			assert.NotContains(t, c.on(t, host, "cat", "/proc/self/mountinfo"), folder, "mounts behind the link of %s", host)
		}
	}
	things, left := 0, 0
	for host, before := range bare {
		differs := lost(before, c.bare(t, host))
		assert.Empty(t, differs, "%s is as it was", host)
		things, left = things+len(before), left+len(differs)
	}
	faults.Record(t, "reset-killed", "A reset of the whole cluster that was killed is finished by the next, and every host is as it was before its first apply",
		"the operator killed after 60 of some 240 steps, then reset again", "%.1f s for the rest; %d paths, units, interfaces, mounts, groups and packages of 3 hosts compared, %d differ",
		r.took.Seconds(), things, left)
	faults.Record(t, "reset-linked", "A host whose data folders are links is reset as others are: what is behind the links is gone, and the links stay",
		"etcd's and kubelet's folders of the master, and a worker's of kubelet, on another disk by links before the first apply", "3 of 3 links stay; nothing left and nothing mounted behind them")
	r = c.verb(t, "reset", "--yes=small")
	assert.Zero(t, r.code, "%s", r.all())
	assert.Contains(t, r.out, "Nothing to reset")
}
