//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// grown makes a cluster of one host, lets two masters with etcd join, replaces
// a member whose data are lost, and is refused where members would be lost by
// a slip, or all data are.
func (s *suite) grown(t *testing.T) {
	all := []string{extra("grow-1.hcl"), extra("grow-3.hcl"), extra("shared-kernel.hcl")}
	c := s.boot(t, "grown", all...)
	c.files = []string{all[0], all[2]}
	c.apply(t)
	c.unchanged(t)

	c.files = all
	found := &crashed{points: map[string][]string{}}
	for _, one := range learnerStrikes() {
		c.crash(t, found, one)
	}
	c.seconds(t, "two masters with etcd more", c.converges(t, found))
	c.threeVoters(t)
	found.recordLearner(t)

	c.loseEtcd(t, "g3")
	c.seconds(t, "replace a lost etcd member", c.apply(t).took)
	c.unchanged(t)
	c.threeVoters(t)

	without := edited(t, all[1], `roles   = ["etcd", "master"]`, `roles   = ["master"]`)
	c.files = []string{all[0], without, all[2]}
	c.refused(t, c.verb(t, "apply", "--yes"), "g2 loses the role etcd", "g3 loses the role etcd", "--allow-removals 2")
	c.files = all
	c.threeVoters(t)

	a, closeTunnel := c.tunnel(t)
	a.apply(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: before-the-snapshot}\n", "apply", "-f", "-")
	closeTunnel()
	c.snapshotOf(t, "g1")
	c.copySnapshot(t, "g1", "g2", "g3")
	for _, host := range []string{"g1", "g2", "g3"} {
		c.loseEtcd(t, host)
	}
	r := c.verb(t, "apply", "--yes")
	c.refused(t, r, "all etcd data of cluster", "Nothing was changed")
	for _, host := range []string{"g1", "g2", "g3"} {
		assert.Contains(t, c.on(t, host, "sh", "-c", "ls /var/lib/etcd | wc -l"), "0", "no empty etcd was started")
	}
	c.restoreAsTold(t, r)
	c.seconds(t, "complete a restored cluster", c.apply(t).took)
	c.threeVoters(t)
	c.unchanged(t)
	a, _ = c.tunnel(t)
	assert.Contains(t, a.do(t, "get", "configmaps", "-o", "name"), "before-the-snapshot")
}

// loseEtcd stops etcd and takes its data away.
func (c *cluster) loseEtcd(t *testing.T, host string) {
	t.Helper()
	c.on(t, host, "systemctl", "stop", "etcd.service")
	c.on(t, host, "rm", "-rf", "/var/lib/etcd/member")
}

func (c *cluster) threeVoters(t *testing.T) {
	t.Helper()
	st := c.status(t)
	require.Len(t, st.Etcd, 3)
	assert.True(t, st.healthy(), "%s", st)
	for _, m := range st.Etcd {
		assert.False(t, m.Learner, "%s", st)
	}
}
