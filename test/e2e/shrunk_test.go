//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// shrunk lets a worker and then the first master with its etcd member leave,
// is refused what would lose the quorum, and takes both hosts back.
func (s *suite) shrunk(t *testing.T) {
	masters, nodes, kernel := extra("shrink-masters.hcl"), extra("shrink-nodes.hcl"), extra("shared-kernel.hcl")
	c := s.boot(t, "shrunk", masters, nodes, kernel)
	bare := map[string][]string{"s1": c.bare(t, "s1"), "n2": c.bare(t, "n2")}
	c.apply(t)
	c.workerLeaves(t, bare["n2"])
	c.firstMasterLeaves(t, bare["s1"])
	c.keepsQuorum(t)
	c.files = []string{masters, nodes, kernel}
	c.seconds(t, "both hosts back", c.apply(t).took)
	c.unchanged(t)
	c.threeVoters(t)
}

func (c *cluster) workerLeaves(t *testing.T, bare []string) {
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	others := c.traces(t, "s1", "s2", "s3", "n1")
	c.files[1] = edited(t, c.files[1], `n[1-2]`, `n1`, `10.88.3.[21-22]`, `10.88.3.21`)
	c.heldNode(t, a, "n2")
	r := c.apply(t)
	c.seconds(t, "a worker leaves", r.took)
	left := lost(bare, c.bare(t, "n2"))
	assert.Empty(t, left, "n2 is as it was before its first apply")
	for host, before := range others {
		after := c.trace(t, host)
		assert.Equal(t, before.Units, after.Units, "units of %s", host)
		assert.Equal(t, unrecorded(before.Files), unrecorded(after.Files), "files of %s", host)
	}
	assert.NotContains(t, a.do(t, "get", "nodes", "-o", "name"), "node/n2")
	c.unchanged(t)
	faults.Record(t, "leave-worker", "A worker that leaves the inventory is drained, its Node deleted, and the host is as it was before its first apply",
		"the host taken out of the inventory, then apply", "%.1f s; %d paths, units, interfaces, tables, mounts and groups compared, %d differ; no other host touched",
		r.took.Seconds(), len(bare), len(left))
}

// unrecorded leaves out the records of runs, which every run adds to.
func unrecorded(files []string) []string {
	return slices.DeleteFunc(slices.Clone(files), func(line string) bool { return strings.HasPrefix(line, "/var/lib/provision/history") })
}

func (c *cluster) firstMasterLeaves(t *testing.T, bare []string) {
	stop := c.probe(t, "n1")
	c.files[0] = edited(t, c.files[0], `s[1-3]`, `s[2-3]`, `10.88.3.[11-13]`, `10.88.3.[12-13]`)
	r := c.apply(t)
	p := stop()
	c.seconds(t, "the first master leaves, with its etcd member", r.took)
	assert.Less(t, p.Gap, longestGap, "%s", p.Last)
	left := lost(bare, c.bare(t, "s1"))
	assert.Empty(t, left, "s1 is as it was before its first apply")
	c.unchanged(t)
	st := c.status(t)
	assert.Len(t, st.Etcd, 2)
	assert.True(t, st.healthy(), "%s", st)
	faults.Record(t, "leave-first-master", "The first master leaves with its etcd member: the API keeps answering, and the host is as it was before",
		"the host taken out of the inventory, then apply, while a worker's balancer is asked all the time",
		"%.1f s; longest gap of the API %.1f s (%d answers, %d without); %d of %d things on the host differ",
		r.took.Seconds(), p.Gap.Seconds(), p.OK, p.Failed, len(left), len(bare))
}

// keepsQuorum: of two members one is down, and the other shall leave.
func (c *cluster) keepsQuorum(t *testing.T) {
	whole := slices.Clone(c.files)
	require.NoError(t, c.lab.PowerCut(t.Context(), "s3"))
	c.files[0] = edited(t, c.files[0], `s[2-3]`, `s3`, `10.88.3.[12-13]`, `10.88.3.13`)
	r := c.verb(t, "apply", "--yes", "--allow-minority")
	assert.Equal(t, 1, r.code, "%s", r.all())
	assert.NotContains(t, r.all(), "Applying", "nothing is done")
	faults.Record(t, "leave-quorum", "A removal that would lose etcd's quorum is refused with the reason",
		"of two members one without power, the other taken out of the inventory", "refused in %.1f s", r.took.Seconds())
	c.files = whole
	require.NoError(t, c.lab.PowerOn(t.Context(), "s3"))
}

// bare is a host as far as the removal of all that provision did must bring it
// back.
func (c *cluster) bare(t *testing.T, host string) []string {
	t.Helper()
	skip := []string{"/proc", "/sys", "/tmp", "/run", "/dev", "/var/log", "/var/lib/provision", "/var/cache", "/root",
		"/var/lib/systemd", "/var/lib/private", "/var/lib/apt", "/var/lib/dpkg"}
	args := []string{"find", "/", "-xdev", "("}
	for i, path := range skip {
		if i > 0 {
			args = append(args, "-o")
		}
		args = append(args, "-path", path)
	}
	args = append(args, ")", "-prune", "-o", "-type", "d", "-printf", "%p/ %U\n", "-o", "-printf", "%p %m %U %l\n")
	lines := strings.Split(c.on(t, host, args...), "\n")
	for _, argv := range [][]string{
		{"ls", "-A", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/etcd"}, {"ls", "/sys/class/net"},
		{"systemctl", "list-units", "--plain", "--no-legend", "--type=service", "--state=running"},
		{"dpkg-query", "--show", "--showformat=${Package} ${Version} ${db:Status-Abbrev}\n"}, {"sh", "-c", "ls -d /sys/fs/cgroup/*/*/"},
		{"sh", "-c", "cut -d' ' -f5 /proc/self/mountinfo"}, {"sh", "-c", "cat /proc/[0-9]*/comm 2>/dev/null | sort -u | grep -e kube -e containerd -e etcd -e haproxy -e flannel -e pause; true"},
		{"cat", "/etc/hosts", "/etc/passwd", "/etc/group"},
		{"busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "InhibitDelayMaxUSec"},
	} {
		lines = append(lines, strings.Split(c.on(t, host, argv...), "\n")...)
	}
	return lines
}

// lost is what is in one list only; accounts' backups and sessions come and go.
func lost(before, after []string) []string {
	var list []string
	add := func(sign string, from, in []string) {
		known := map[string]bool{}
		for _, line := range in {
			known[line] = true
		}
		for _, line := range from {
			if known[line] || strings.Contains(line, "/etc/shadow-") || strings.Contains(line, "/etc/passwd-") || strings.Contains(line, "/etc/g") || strings.Contains(line, "ld.so.cache") || strings.Contains(line, "/systemd-private-") || strings.Contains(line, "session") {
				continue
			}
			list = append(list, sign+line)
		}
	}
	add("- ", before, after)
	add("+ ", after, before)
	return list
}
