package provision_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
)

// A master whose copies of the cluster's keys are not those of the others is
// named before anything is written; without them it gets the others'.
func TestAMasterWithOtherKeysIsNamedAndGetsTheRightOnesBack(t *testing.T) {
	f, inv := twoMasters(t)
	key := filepath.Join(f.Host("m2").Root, system.IdentityDir, system.ClusterKey)
	good, err := os.ReadFile(key)
	require.NoError(t, err)
	live := files(t, f.Host("m2"))
	require.NoError(t, os.WriteFile(key, []byte("garbage"), 0o600))
	_, err = apply(t, f, inv)
	require.ErrorContains(t, err, "host m2: /var/lib/provision/identity/cluster.key is damaged; remove it there")
	assert.Empty(t, differing(live, files(t, f.Host("m2"))), "nothing was written")

	require.NoError(t, os.Remove(key))
	_, err = apply(t, f, inv)
	require.NoError(t, err)
	again, err := os.ReadFile(key)
	require.NoError(t, err)
	assert.Equal(t, good, again)
	p, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%+v", p.Steps)
}
