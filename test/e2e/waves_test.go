//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

const budgeted = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: testpod
        image: ` + podImage + `
        imagePullPolicy: Never
        args: [serve, ":8080"]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  minAvailable: 3
  selector: {matchLabels: {app: web}}
`

// waves replaces containerd on both nodes under pods with a budget, and stops
// where a budget lets nothing go.
func (c *cluster) waves(t *testing.T, a *api) {
	c.otherRuntime(t, "node-1", "node-2")
	r := c.verb(t, "plan")
	assert.Contains(t, r.out, "no controller would recreate these pods: default/", "the pods are told before anybody agrees")
	a.do(t, "delete", "pod", "east", "west", "--now")
	a.apply(t, budgeted, "apply", "-f", "-")
	a.do(t, "rollout", "status", "deployment/web", "--timeout=5m")

	least := c.leastAvailable(t, a, "web")
	took := c.apply(t).took
	lowest := least()
	c.seconds(t, "another containerd on two nodes, drained one after the other", took)
	assert.GreaterOrEqual(t, lowest, 3, "pods that were available at the worst moment")
	c.allSchedulable(t, a)
	c.unchanged(t)
	faults.Record(t, "guards-drain", "A change that needs empty Nodes drains one Node after the other, within the PodDisruptionBudget",
		"another containerd program on both nodes of three hosts, under four pods with a budget of one", "%.1f s; at least %d of 4 pods available", took.Seconds(), lowest)

	whole := c.files[0]
	c.files[0] = edited(t, whole, "\n# Two hosts", "\nrollout { drain_timeout = \"5s\" }\n\n# Two hosts")
	a.do(t, "patch", "pdb", "web", "-p", `{"spec":{"minAvailable":4}}`)
	c.otherRuntime(t, "node-1", "node-2")
	r = c.verb(t, "apply", "--yes")
	assert.Equal(t, 1, r.code, "%s", r.all())
	assert.Contains(t, r.all(), "cordoned until their change is done: node-1")
	assert.Equal(t, "4", a.do(t, "get", "deployment", "web", "-o", "jsonpath={.status.availableReplicas}"), "nothing that serves is taken away")
	assert.NotContains(t, a.do(t, "get", "node", "node-2", "-o", "jsonpath={.spec}"), "unschedulable", "no later wave starts")
	stopped := r.took

	a.do(t, "patch", "pdb", "web", "-p", `{"spec":{"minAvailable":3}}`)
	c.files[0] = whole
	r = c.apply(t)
	c.seconds(t, "the same, after a drain that was refused", r.took)
	c.allSchedulable(t, a)
	c.unchanged(t)
	faults.Record(t, "guards-refused", "A drain that a PodDisruptionBudget refuses stops the rollout with the other Nodes serving, names the Node that stays cordoned; the next apply continues",
		"a budget that lets no pod go, drain_timeout 5 s; then one that does", "stopped after %.1f s, completed in %.1f s", stopped.Seconds(), r.took.Seconds())
}

// otherRuntime gives hosts a containerd that is not the inventory's, as if its
// version had been changed.
func (c *cluster) otherRuntime(t *testing.T, hosts ...string) {
	t.Helper()
	const program = "/usr/local/bin/containerd"
	for _, host := range hosts {
		c.on(t, host, "sh", "-c", "cp -p "+program+" "+program+".other && echo >> "+program+".other && mv "+program+".other "+program)
	}
}

func (c *cluster) allSchedulable(t *testing.T, a *api) {
	t.Helper()
	assert.NotContains(t, a.do(t, "get", "nodes"), "SchedulingDisabled")
}

// leastAvailable follows a Deployment; the function it returns ends that and
// says how few of its pods were available at the worst moment.
func (c *cluster) leastAvailable(t *testing.T, a *api, name string) func() int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, a.kubectl, "--kubeconfig", a.kubeconfig, "get", "deployment", name, "--watch",
		"-o", `jsonpath={.status.availableReplicas}{"\n"}`)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the first state")
	least, _ := strconv.Atoi(strings.TrimSpace(lines.Text()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines.Scan() {
			n, _ := strconv.Atoi(strings.TrimSpace(lines.Text())) // "" is none
			least = min(least, n)
		}
	}()
	return func() int {
		cancel()
		<-done
		_ = cmd.Wait()
		return least
	}
}
