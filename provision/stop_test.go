package provision_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/fleettest"
)

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestTheEndOfSessionsCostsLittle: readers of streams spun until the agents had
// ended, 10 ms of CPU time for each session.
func TestTheEndOfSessionsCostsLittle(t *testing.T) {
	inv := load(t, "dc1", 60)
	f := boot(t, inv, fleettest.Options{})
	o := f.Operator(inv)
	_, err := o.Status(t.Context())
	require.NoError(t, err)
	before := cpuTime(t)
	require.NoError(t, o.Close())
	f.Quiet()
	assert.Less(t, (cpuTime(t) - before).Milliseconds(), int64(200))
}
