package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/resource/clusterkinds"
	"provision/provision/resource/kinds"
	"provision/test/drift"
)

// TestEveryKindHasADrift: what somebody changes by hand of a resource of any
// kind is tried on a real cluster, or there is a test that says why not.
func TestEveryKindHasADrift(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range append(drift.Host(), drift.Cluster("k1")...) {
		tried[c.Kind] = true
	}
	known := map[string]bool{}
	for _, kind := range kinds.Host() {
		known[kind.Name()] = true
	}
	for name := range clusterkinds.All() {
		known[name] = true
	}
	elsewhere := drift.Elsewhere()
	for name := range known {
		assert.True(t, tried[name] != (elsewhere[name] != ""), "kind %s belongs into package test/drift, either as a case or as one that is tested elsewhere", name)
	}
	for name := range tried {
		assert.True(t, known[name], "package test/drift tries kind %q, which no catalogue has", name)
	}
	for name, where := range elsewhere {
		require.True(t, known[name], "no catalogue has kind %q", name)
		folder, rest, ok := strings.Cut(where, ": ")
		test, why, because := strings.Cut(rest, "; ")
		require.True(t, ok && because && why != "", "%q names a folder, a test and a reason", where)
		assert.True(t, hasTest(t, folder, test), "%s has no %s", folder, test)
	}
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(content), "func "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
