package provision_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/plan"
)

// A run that is killed while hosts are told etcd's id leaves files aside on a
// host that nothing else will change.
func TestWhatACutOffIdentityLeftIsTidiedUp(t *testing.T) {
	f, inv := formed(t, 1)
	aside := system.IdentityDir + "/pending/cluster.crt"
	require.NoError(t, f.Host("n1").Write(aside, "half"))
	outcome, err := apply(t, f, inv)
	require.NoError(t, err)
	assert.NotNil(t, at(outcome.Plan, plan.JoinAddress("n1", "dc1")))
	assert.NoDirExists(t, filepath.Join(f.Host("n1").Root, filepath.Dir(aside)))
	again, err := look(t, f, inv)
	require.NoError(t, err)
	assert.True(t, again.Empty(), "%+v", again.Steps)
}
