//go:build e2e && soak

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// stockSysctls is what the worker of vm.hcl is given beside what apply does, as
// sysctls of the container beside it would be this machine's.
const stockSysctls = `fs.file-max=1048576
fs.inotify.max_user_instances=8192
fs.inotify.max_user_watches=1048576
kernel.pid_max=4194304
net.core.somaxconn=4096
vm.max_map_count=262144
kernel.panic=10
kernel.panic_on_oops=1
net.bridge.bridge-nf-call-ip6tables=1
net.bridge.bridge-nf-call-iptables=1
net.ipv4.conf.all.forwarding=1
net.ipv4.ip_forward=1
vm.overcommit_memory=1
vm.panic_on_oom=0
`

// TestSoakVM has a virtual machine with a stock kernel and cgroup version 2 join
// a cluster whose master is a container, first with a clock that is an hour off.
// Without help of the processor it is some ten times slower than a container.
func TestSoakVM(t *testing.T) {
	s := newSuite(t)
	s.patience = 20 * time.Minute
	t.Cleanup(func() { s.table(t) })
	result := soaked{Header: begin(t, "vm"), Clusters: 1}
	begun := time.Now()
	t.Run("joins", func(t *testing.T) {
		c := s.bootWith(t, "vm", []string{"--vm=worker", "--vm-memory=3072"}, extra("vm.hcl"))
		c.on(t, "worker", "sh", "-ec", `fallocate -l 64M /swapfile; chmod 600 /swapfile; mkswap -q /swapfile; swapon /swapfile
echo '/swapfile none swap sw 0 0' >>/etc/fstab; modprobe br_netfilter
printf %s "$1" >/etc/sysctl.d/50-test.conf; /lib/systemd/systemd-sysctl /etc/sysctl.d/50-test.conf`, "sh", stockSysctls)
		require.Contains(t, c.on(t, "worker", "cat", "/proc/swaps"), "/swapfile")
		c.hourOff(t)
		c.stock(t, c.joins(t))
		c.rebootsVM(t)
		c.hourBehind(t)
	})
	result.Seconds, result.Passed = time.Since(begun).Seconds(), !t.Failed()
	keep(t, result.Journey, result)
}

// hourOff makes the cluster while the new worker's clock is an hour ahead.
func (c *cluster) hourOff(t *testing.T) {
	t.Helper()
	require.NoError(t, c.lab.SetClock(t.Context(), "worker", time.Hour))
	looked := c.verb(t, "preflight")
	c.refused(t, looked, "worker", "clock: its clock is", "ahead of the other hosts")
	c.refused(t, c.verb(t, "apply", "--yes"), "worker was skipped", "its clock is")
	a, done := c.tunnel(t)
	a.allReady(t, "master")
	done()
	require.NoError(t, c.lab.ResetClock(t.Context(), "worker"))
	faults.Record(t, "clock-new-host", "Preflight names a new host whose clock is wrong; apply skips it and makes the cluster of the others",
		"the clock of a virtual machine that is to join is set an hour ahead", "named by preflight in %.1f s; 1 Node of 2, then 2 when the clock was set right", looked.took.Seconds())
}

// joins applies until the worker is in. On a busy machine a virtual one without
// help of the processor may stand still for longer than a session waits: then
// the run says so, and the next goes on from there.
func (c *cluster) joins(t *testing.T) time.Duration {
	t.Helper()
	var took time.Duration
	for runs := 1; ; runs++ {
		r := c.verb(t, "apply", "--yes")
		took += r.took
		if r.code == 0 {
			c.seconds(t, fmt.Sprintf("apply with a virtual machine, runs: %d", runs), took)
			return took
		}
		require.Contains(t, r.all(), "session ended: no answer for", "%s", r.all())
		require.Less(t, runs, 8, "%s", r.all())
		t.Logf("run %d: the machine stood still", runs)
	}
}

// stock checks a worker with a kernel of its own.
func (c *cluster) stock(t *testing.T, joined time.Duration) {
	t.Helper()
	assert.Equal(t, "cgroup2fs", c.on(t, "worker", "stat", "-fc", "%T", "/sys/fs/cgroup"))
	assert.NotContains(t, c.on(t, "worker", "cat", "/proc/swaps"), "/swapfile", "swap is off")
	modules := c.on(t, "worker", "cat", "/proc/modules")
	for _, name := range []string{"overlay", "br_netfilter", "vxlan"} {
		assert.True(t, strings.Contains("\n"+modules, "\n"+name+" "), "module %s is loaded", name)
	}
	a, done := c.tunnel(t)
	defer done()
	a.allReady(t, "master", "worker")
	dns := c.answersDNS(t, "worker")
	c.seconds(t, "DNS from the virtual machine", dns)
	c.unchanged(t)
	kernel := c.on(t, "worker", "uname", "-r")
	faults.Record(t, "vm-joins", "A host with a stock kernel, cgroup version 2, swap on and no modules loaded becomes a node like any other",
		"a virtual machine without help of the processor joins a container that is master", "kernel %s; joined in %.0f s, DNS answered after another %.1f s, swap off, modules loaded, plan empty", kernel, joined.Seconds(), dns.Seconds())
}

// rebootsVM reboots a machine with a kernel of its own, because a newer one seems
// to be installed. What was made for its boots is there again.
func (c *cluster) rebootsVM(t *testing.T) {
	t.Helper()
	before := c.boots(t)
	const newer = `release=$(uname -r); echo "/boot/vmlinuz-99${release}"`
	kernel := strings.TrimSpace(c.on(t, "worker", "sh", "-ec", newer))
	c.on(t, "worker", "touch", kernel)
	verb := []string{"node", "reboot", "--all", "--if-needed", "--yes", "--timeout", "30m"}
	r := c.ran(t, verb...)
	assert.Contains(t, r.out, "is installed, and")
	c.seconds(t, "reboot of the virtual machine, drained", r.took)
	after := c.boots(t)
	assert.NotEqual(t, before["worker"], after["worker"])
	assert.Equal(t, before["master"], after["master"], "it needed none")
	c.on(t, "worker", "rm", kernel)
	assert.Contains(t, c.ran(t, verb...).out, "Nothing changes")
	assert.NotContains(t, c.on(t, "worker", "cat", "/proc/swaps"), "/swapfile", "swap stays off")
	a, done := c.tunnel(t)
	defer done()
	a.allReady(t, "master", "worker")
	c.unchanged(t)
}

// hourBehind sets the clock of a host of the cluster wrong, the other way round.
func (c *cluster) hourBehind(t *testing.T) {
	t.Helper()
	require.NoError(t, c.lab.SetClock(t.Context(), "worker", -time.Hour))
	looked := c.verb(t, "preflight")
	c.refused(t, looked, "worker", "clock: its clock is", "behind those of the other hosts")
	assert.NotContains(t, looked.all(), "ahead", "the master's clock is right")
	d, r := c.diagnose(t)
	assert.True(t, slices.ContainsFunc(d.Findings, func(f found) bool { return f.Host == "worker" && f.What == "clock" }), "%s", r.out)
	assert.False(t, slices.ContainsFunc(d.Findings, func(f found) bool { return f.Host == "master" && f.What == "clock" }), "%s", r.out)
	const crt = "/etc/kubernetes/pki/kubelet-server.crt"
	before := c.on(t, "worker", "sha256sum", crt)
	c.refused(t, c.verb(t, "apply", "--yes"), "worker", "not valid yet by this host's clock, which may be wrong")
	assert.Equal(t, before, c.on(t, "worker", "sha256sum", crt), "a certificate that does not do replaces none")
	require.NoError(t, c.lab.ResetClock(t.Context(), "worker"))
	c.apply(t)
	c.unchanged(t)
	assert.Equal(t, before, c.on(t, "worker", "sha256sum", crt))
	a, done := c.tunnel(t)
	defer done()
	back := eventually(t, 10*time.Minute, "both Nodes are Ready", func(context.Context) error {
		for name, n := range a.nodes(t) {
			if !n.ready() {
				return fmt.Errorf("Node %s is not Ready", name)
			}
		}
		return nil
	})
	faults.Record(t, "clock-member", "Preflight and doctor name the host whose clock is wrong, and no other; apply warns and keeps its certificates, which seem not yet valid",
		"the clock of one of two hosts of a cluster is set an hour back", "named by preflight in %.1f s and by doctor in %.1f s; when it was set right, the same certificates, an empty plan after one apply, and both Nodes Ready within %.1f s", looked.took.Seconds(), r.took.Seconds(), back.Seconds())
}
