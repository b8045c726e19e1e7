package system

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A timer that has just started was asked like a service, and the host took no
// part in the run.
func TestWhatIsNoServiceHasNoStatusOfOne(t *testing.T) {
	for _, unit := range []string{"provision-renew.timer", "dev-vda.device", "multi-user.target"} {
		status, err := (&systemdUnits{}).Service(t.Context(), unit)
		require.NoError(t, err, unit)
		assert.Zero(t, status, unit)
	}
}
