//go:build e2e && soak

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
// a cluster whose master is a container. Without help of the processor it is
// some ten times slower than a container.
func TestSoakVM(t *testing.T) {
	s := newSuite(t)
	t.Cleanup(func() { s.table(t) })
	result := soaked{Journey: "vm", Date: time.Now().UTC().Format(time.RFC3339), Commit: commit(t), Clusters: 1}
	begun := time.Now()
	t.Run("joins", func(t *testing.T) {
		c := s.bootWith(t, "vm", []string{"--vm=worker", "--vm-memory=3072"}, extra("vm.hcl"))
		c.on(t, "worker", "sh", "-ec", `fallocate -l 64M /swapfile; chmod 600 /swapfile; mkswap -q /swapfile; swapon /swapfile
echo '/swapfile none swap sw 0 0' >>/etc/fstab; modprobe br_netfilter
printf %s "$1" >/etc/sysctl.d/50-test.conf; /lib/systemd/systemd-sysctl /etc/sysctl.d/50-test.conf`, "sh", stockSysctls)
		require.Contains(t, c.on(t, "worker", "cat", "/proc/swaps"), "/swapfile")
		s.seconds(t, "apply with a virtual machine", c.apply(t).took)

		assert.Equal(t, "cgroup2fs", c.on(t, "worker", "stat", "-fc", "%T", "/sys/fs/cgroup"))
		assert.NotContains(t, c.on(t, "worker", "cat", "/proc/swaps"), "/swapfile", "swap is off")
		modules := c.on(t, "worker", "cat", "/proc/modules")
		for _, name := range []string{"overlay", "br_netfilter", "vxlan"} {
			assert.True(t, strings.Contains("\n"+modules, "\n"+name+" "), "module %s is loaded", name)
		}
		a, _ := c.tunnel(t)
		a.allReady(t, "master", "worker")
		s.seconds(t, "DNS from the virtual machine", c.answersDNS(t, "worker"))
		c.unchanged(t)

		require.NoError(t, c.lab.SetClock(t.Context(), "worker", time.Hour))
		c.refused(t, c.verb(t, "preflight"), "worker", "clock: its clock is", "ahead of the other hosts")
		require.NoError(t, c.lab.ResetClock(t.Context(), "worker"))
	})
	result.Seconds, result.Passed = time.Since(begun).Seconds(), !t.Failed()
	result.write(t)
}
