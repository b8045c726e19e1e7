//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// pool turns the static CPU manager of the workers on and off. A kubelet that
// finds the memory of another policy does not start.
func (c *cluster) pool(t *testing.T, a *api) {
	const memory = "/var/lib/kubelet/cpu_manager_state"
	workers := []string{"node-1", "node-2"}
	master := c.trace(t, "master")
	before := c.files
	c.files = append(append([]string(nil), before...), extra("pool.hcl"))
	c.seconds(t, "turn the static CPU manager of two workers on", c.apply(t).took)
	c.unchanged(t)
	for _, host := range workers {
		assert.Contains(t, c.on(t, host, "cat", memory), `"policyName":"static"`)
	}
	c.files = before
	c.seconds(t, "and off", c.apply(t).took)
	c.unchanged(t)
	for _, host := range workers {
		assert.Contains(t, c.on(t, host, "cat", memory), `"policyName":"none"`)
	}
	a.allReady(t, "master", "node-1", "node-2")
	assert.Equal(t, master.Units, c.trace(t, "master").Units, "the master is in no pool")
}
