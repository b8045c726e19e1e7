package provision_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/fleettest"
)

// A Node of no host is shown and stays; one that is being deleted is not gone.
func TestNodesThatAreForeignOrHeld(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.PatchNode("x1", map[string]any{"metadata": map[string]any{"name": "x1"}})
	f.API.PatchNode("n1", map[string]any{"metadata": map[string]any{"deletionTimestamp": "2026-01-02T03:04:05Z", "finalizers": []any{"example.com/gone"}}})

	p, err := look(t, f, inv)
	require.NoError(t, err)
	warned := strings.Join(p.Warnings, "\n")
	assert.Contains(t, warned, "Node x1 is of no host in the inventory")
	assert.Contains(t, warned, "kubectl delete node x1")
	assert.False(t, p.Empty(), "the Node of n1 is to be made anew")

	o := f.Operator(inv)
	defer o.Close()
	s, err := o.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, s.Foreign, 1)
	assert.Equal(t, "x1", s.Foreign[0].Name)
	for _, h := range s.Hosts {
		assert.Equal(t, h.Name == "n1", h.Node != nil && h.Node.Deleting != "", h.Name)
	}
	assert.False(t, s.Healthy())

	_, err = apply(t, f, inv)
	require.Error(t, err, "n1 does not join on a Node that goes under it")
	f.API.PatchNode("n1", map[string]any{"metadata": map[string]any{"finalizers": nil}})
	_, err = apply(t, f, inv)
	require.NoError(t, err)
	p, err = look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty())
}
