//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/lab"
	"provision/test/faults"
)

// grown makes a cluster of one host, lets two masters with etcd join, replaces
// a member whose data are lost, and is refused where members would be lost by
// a slip.
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

	t.Run("removed member", c.removedMember)
	c.isolatesMaster(t)
	t.Run("replaced master", c.replacedMaster)

	without := edited(t, all[1], `roles   = ["etcd", "master"]`, `roles   = ["master"]`)
	c.files = []string{all[0], without, all[2]}
	c.refused(t, c.verb(t, "apply", "--yes"), "g2 loses the role etcd", "g3 loses the role etcd", "--allow-removals 2")
	c.files = all
	c.threeVoters(t)

}

// replacedMaster puts an empty machine in the place of a master with etcd that
// is lost for ever: one apply makes it what it was.
func (c *cluster) replacedMaster(t *testing.T) {
	const host = "g2"
	a, closeTunnel := c.tunnel(t)
	was := c.standing(t, a, host)
	closeTunnel()
	_, err := c.lab.Replace(t.Context(), host)
	require.NoError(t, err)
	c.refused(t, c.verb(t, "plan"), host, "host key changed", "hostkeys accept "+host+" --replaced")
	r := c.provision(t, append([]string{"hostkeys", "accept", host, "--replaced", "--yes"}, c.inventory()...)...)
	require.Zero(t, r.code, "%s", r.all())
	c.lab, err = lab.Open(c.name)
	require.NoError(t, err)
	others := c.traces(t, "g1", "g3")
	assert.Contains(t, c.plan(t).addresses(), `cluster/node["`+host+`"]`, "the Node is of a machine that is gone")
	applied := c.apply(t)
	c.seconds(t, "replace a master with etcd", applied.took)
	c.unchanged(t)
	c.threeVoters(t)
	for name, before := range others {
		after := c.trace(t, name)
		assert.Empty(t, restarted(before.Units, after.Units), "units restarted on %s", name)
	}
	a, closeTunnel = c.tunnel(t)
	defer closeTunnel()
	a.allReady(t, "g1", "g2", "g3")
	now := c.standing(t, a, host)
	assert.Equal(t, was.podCIDR, now.podCIDR)
	assert.NotEqual(t, was.machine, now.machine)
	assert.NotEqual(t, was.uid, now.uid, "the Node is made anew")
	assert.Equal(t, now.uid, now.lease, "the lease is the new Node's")
	assert.NotEqual(t, was.member, now.member, "the etcd member is another one")
	require.False(t, t.Failed())
	faults.Record(t, "replace-master", "A new machine under the name of a master with etcd that is lost takes its place with one apply: etcd member, certificates and Node are recreated, its pod range stays, and nothing restarts elsewhere",
		"one of three masters with etcd loses its power and its disks; a machine with another machine-id and host key comes back under its name", "%.0f s", applied.took.Seconds())
}

// standing is what a cluster knows of a host.
type standing struct{ podCIDR, machine, uid, lease, member string }

func (c *cluster) standing(t *testing.T, a *api, host string) standing {
	t.Helper()
	field := func(path string) string { return a.do(t, "get", "node", host, "-o", "jsonpath="+path) }
	s := standing{podCIDR: field("{.spec.podCIDR}"), machine: field("{.status.nodeInfo.machineID}"), uid: field("{.metadata.uid}")}
	s.lease = a.do(t, "-n", "kube-node-lease", "get", "lease", host, "-o", "jsonpath={.metadata.ownerReferences[0].uid}")
	members := c.on(t, "g1", "/usr/local/bin/etcdctl", "--endpoints=https://127.0.0.1:2379", "--cacert=/etc/etcd/pki/ca.crt",
		"--cert=/etc/etcd/pki/client.crt", "--key=/etc/etcd/pki/client.key", "member", "list")
	for line := range strings.Lines(members) {
		if strings.Contains(line, ", "+host+",") {
			s.member, _, _ = strings.Cut(line, ",")
		}
	}
	return s
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
