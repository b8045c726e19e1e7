//go:build e2e

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/inventory"
	"provision/test/stamped"
)

// kubernetesStamps are those of all programs of Kubernetes.
func kubernetesStamps(from, to string) []stamped.Build { return stamped.Kubernetes(from, to) }

// stamped is a store for one journey: what the real one has, and builds with
// other version numbers.
func (s *suite) stamped(t *testing.T, builds ...stamped.Build) (cache string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, stamped.Store(dir, builds...))
	return dir
}

// tested are the versions that inventories have by themselves.
func tested(t *testing.T) inventory.Versions {
	t.Helper()
	return load(t, sample("lab.hcl")).Cluster.Versions
}
