//go:build e2e && soak

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// TestSoakPool gives a virtual machine's kubelet the static managers and huge
// pages, has a guaranteed pod use them, reboots the machine, and takes all back.
func TestSoakPool(t *testing.T) {
	s := newSuite(t)
	s.patience = 20 * time.Minute
	t.Cleanup(func() { s.table(t) })
	result := soaked{Header: begin(t, "pool"), Clusters: 1}
	begun := time.Now()
	t.Run("pool", func(t *testing.T) {
		c := s.bootWith(t, "vmpool", []string{"--vm=worker", "--vm-memory=3072"}, extra("vm.hcl"))
		c.on(t, "worker", "sh", "-ec", `modprobe br_netfilter
printf %s "$1" >/etc/sysctl.d/50-test.conf; /lib/systemd/systemd-sysctl /etc/sysctl.d/50-test.conf`, "sh", stockSysctls)
		c.joins(t)
		before := c.pages(t)
		a, _ := c.tunnel(t)
		plain := c.files
		c.files = append(append([]string(nil), plain...), extra("vm-pool.hcl"))
		on := c.joins(t)
		c.unchanged(t)
		c.guaranteed(t, a)
		c.rebootsPool(t, a, on)
		c.files = plain
		c.joins(t)
		c.unchanged(t)
		assert.Equal(t, before, c.pages(t), "the huge pages are given back")
		a.allReady(t, "master", "worker")
	})
	result.Seconds, result.Passed = time.Since(begun).Seconds(), !t.Failed()
	keep(t, result.Journey, result)
}

// pages is how many huge pages the worker's kernel has set aside.
func (c *cluster) pages(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(c.on(t, "worker", "cat", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"))
}

const guaranteedPod = `
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, labels: {app: %[1]s}}
spec:
  nodeSelector: {kubernetes.io/hostname: worker}
  terminationGracePeriodSeconds: 0
  containers:
  - name: testpod
    image: ` + podImage + `
    imagePullPolicy: Never
    args: [serve, ":%[2]d"]
    resources: {%[3]s}
---
`

// guaranteed runs a pod with a CPU and huge pages of its own, and one without.
func (c *cluster) guaranteed(t *testing.T, a *api) {
	t.Helper()
	assert.Equal(t, "64", c.pages(t))
	assert.Contains(t, c.on(t, "worker", "cat", "/var/lib/kubelet/cpu_manager_state"), `"policyName":"static"`)
	assert.Contains(t, c.on(t, "worker", "cat", "/var/lib/kubelet/memory_manager_state"), `"policyName":"Static"`)
	assert.Equal(t, "128Mi", a.do(t, "get", "node", "worker", "-o", `jsonpath={.status.allocatable.hugepages-2Mi}`))
	c.importImage(t, "worker")
	own := `limits: {cpu: "1", memory: 64Mi, hugepages-2Mi: 64Mi}, requests: {cpu: "1", memory: 64Mi, hugepages-2Mi: 64Mi}`
	a.apply(t, fmt.Sprintf(guaranteedPod, "exclusive", 8081, own)+fmt.Sprintf(guaranteedPod, "shared", 8082, ""), "apply", "-f", "-")
	a.do(t, "wait", "--for=condition=Ready", "--timeout=10m", "pod/exclusive", "pod/shared")
	assert.Equal(t, "1", c.cpusOf(t, ":8081"), "the guaranteed pod has the CPU that is not reserved")
	assert.Equal(t, "0", c.cpusOf(t, ":8082"), "the other has what is left")
}

// cpusOf is the CPUs that the testpod that listens there may use.
func (c *cluster) cpusOf(t *testing.T, port string) string {
	t.Helper()
	return strings.TrimSpace(c.on(t, "worker", "sh", "-ec", `for p in /proc/[0-9]*; do
  if [ "$(tr '\0' ' ' <$p/cmdline 2>/dev/null)" = "/testpod serve $1 " ]; then sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' $p/status; fi
done`, "sh", port))
}

// rebootsPool reboots the machine, after which all is as it was.
func (c *cluster) rebootsPool(t *testing.T, a *api, on time.Duration) {
	t.Helper()
	a.do(t, "delete", "pod", "exclusive", "shared")
	booted := c.on(t, "worker", "cat", "/proc/sys/kernel/random/boot_id")
	r := c.ran(t, "node", "reboot", "worker", "--yes")
	require.NotEqual(t, booted, c.on(t, "worker", "cat", "/proc/sys/kernel/random/boot_id"))
	c.unchanged(t)
	a.allReady(t, "master", "worker")
	assert.Equal(t, "64", c.pages(t), "they are set aside at boot")
	faults.Record(t, "vm-pool", "A pool's static CPU, memory and topology managers and huge pages are set on a stock kernel, and survive `provision node reboot`",
		"a virtual machine without help of the processor is given all of them, a guaranteed pod and an ordinary one, and a reboot", "set in %.0f s with the Node drained; the pod alone on its CPU; rebooted, and its Node Ready, in %.0f s; plan empty", on.Seconds(), r.took.Seconds())
}
