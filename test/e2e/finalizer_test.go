//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// heldNode takes a worker out of the inventory whose Node somebody's finalizer holds.
func (c *cluster) heldNode(t *testing.T, a *api, name string) {
	const finalizer = "example.com/hold"
	a.do(t, "patch", "node", name, "--type", "merge", "-p", `{"metadata":{"finalizers":["`+finalizer+`"]}}`)
	r := c.verb(t, "apply", "--yes")
	c.refused(t, r, `cluster/node["`+name+`"]`, "held by finalizer "+finalizer, "kubectl patch node "+name)
	assert.Contains(t, a.do(t, "get", "nodes", "-o", "name"), "node/"+name)
	assert.Contains(t, c.verb(t, "doctor").all(), finalizer)
	assert.Contains(t, c.verb(t, "status").out, "not in the inventory: "+name)
	again := c.verb(t, "plan", "--detailed-exitcode")
	assert.Equal(t, 2, again.code, "the host still leaves: %s", again.all())
	a.do(t, "patch", "node", name, "--type", "merge", "-p", `{"metadata":{"finalizers":null}}`)
	require.False(t, t.Failed())
	faults.Record(t, "leave-held", "A Node that a finalizer holds does not count as gone: apply ends with the finalizer's name, doctor names it, status its host, and the next apply goes on",
		"a worker leaves the inventory while its Node has a finalizer", "told after %.1f s", r.took.Seconds())
}
