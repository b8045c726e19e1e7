//go:build e2e

package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// kept is a cluster that is looked after: what was changed is taken back, and its
// hosts are added, drained, isolated, rebuilt and rebooted.
func (s *suite) kept(t *testing.T) {
	c := s.boot(t, "kept", sample("small.hcl"), extra("shared-kernel.hcl"), extra("node-3.hcl"))
	c.files = c.files[:2]
	c.apply(t)
	t.Run("history", c.history)
	t.Run("care", c.care)
	t.Run("reboot", c.reboot)
}

// care takes a worker out of service and puts it back, and rebuilds it, killed
// while it is undone and again while it is set up.
func (c *cluster) care(t *testing.T) {
	c.addsBeside(t)
	c.drained(t)
	c.isolates(t)
	c.rebuilds(t)
}

// node is what the API says of a Node.
func (c *cluster) node(t *testing.T, name, path string) string {
	t.Helper()
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	return a.do(t, "get", "node", name, "-o", "jsonpath="+path)
}

func (c *cluster) ran(t *testing.T, words ...string) ran {
	t.Helper()
	r := c.provision(t, append(words, c.inventory()...)...)
	require.Zero(t, r.code, "%s", r.all())
	return r
}

// drained: what an operator drained stays so through an apply.
func (c *cluster) drained(t *testing.T) {
	c.seconds(t, "drain of a worker", c.ran(t, "node", "drain", "node-1").took)
	c.unchanged(t)
	assert.Equal(t, "true", c.node(t, "node-1", "{.spec.unschedulable}"))
	c.ran(t, "node", "uncordon", "node-1")
	assert.Empty(t, c.node(t, "node-1", "{.spec.unschedulable}"))
}

func (c *cluster) isolates(t *testing.T) {
	r := c.provision(t, append([]string{"node", "isolate", "master", "--yes"}, c.inventory()...)...)
	c.refused(t, r, "no other master is in service")
	took := c.ran(t, "node", "isolate", "node-1", "--yes").took
	c.unchanged(t)
	assert.Equal(t, "true", c.node(t, "node-1", "{.spec.unschedulable}"))
	assert.Contains(t, c.node(t, "node-1", "{.spec.taints}"), "provision/isolated")
	assert.Contains(t, c.verb(t, "status").out, "isolated")

	c.on(t, "node-1", "systemctl", "stop", "kube-proxy.service")
	r = c.provision(t, append([]string{"node", "recover", "node-1", "--yes"}, c.inventory()...)...)
	c.refused(t, r, "kube-proxy")
	assert.Contains(t, c.node(t, "node-1", "{.spec.taints}"), "provision/isolated")
	c.apply(t) // it is configured like all others
	assert.Contains(t, c.node(t, "node-1", "{.spec.taints}"), "provision/isolated", "and stays isolated")
	back := c.ran(t, "node", "recover", "node-1", "--yes").took
	assert.NotContains(t, c.node(t, "node-1", "{.spec.taints}"), "provision/isolated")
	assert.Empty(t, c.node(t, "node-1", "{.spec.unschedulable}"))
	faults.Record(t, "care-isolate", "An isolated host stays tainted and cordoned through an apply, and returns only when nothing is wrong with it; the last master is refused",
		"a worker isolated, kube-proxy stopped there, then recover; apply, then recover; the only master isolated",
		"isolated in %.1f s; refused while kube-proxy was down, and after the apply that started it; back in %.1f s", took.Seconds(), back.Seconds())
}

// rebuilds kills the operator while the host is undone, and while it is set up.
func (c *cluster) rebuilds(t *testing.T) {
	others := c.traces(t, "node-1")
	verb := []string{"node", "rebuild", "node-2", "--yes"}
	kill := func(cmd *exec.Cmd) bool { return cmd.Process.Kill() == nil }
	require.True(t, c.during(t, verb, moment{"step_done", 30}, kill), "while it is undone")
	require.True(t, c.during(t, verb, moment{"step_done", 60}, kill), "while it is set up")
	r := c.ran(t, verb...)
	c.seconds(t, "the rest of a rebuild", r.took)
	c.unchanged(t)
	assert.Equal(t, "True", c.node(t, "node-2", `{.status.conditions[?(@.type=="Ready")].status}`))
	assert.Empty(t, c.node(t, "node-2", "{.spec.unschedulable}"))
	after := c.traces(t, "node-1")
	assert.Equal(t, others["node-1"].Units, after["node-1"].Units, "units of the other worker")
	faults.Record(t, "care-rebuild", "A rebuild that is killed while the host is undone, and again while it is set up, is finished by the same command",
		"the operator killed after 30 steps, and after some 60 of the next run", "%.1f s for the rest; the Node Ready, an empty plan, no unit of the other worker touched; went on with setting up: %t",
		r.took.Seconds(), strings.Contains(r.out, "is already reset"))
}
