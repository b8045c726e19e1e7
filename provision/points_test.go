package provision_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/fleettest"
)

// An operator that is gone at any of its points, with all its sessions, leaves
// nothing that the next run does not complete.
func TestOperatorGoneAtEachPointThenAppliedAgain(t *testing.T) {
	for _, at := range []string{
		"locked", "putting m1", "put n1", "committing m1", "committed m1", "sent n1",
		`step m1/unit["etcd.service"]`, `done m1/unit["etcd.service"]`, `done cluster/node["n1"]`, `step n1/unit["kubelet.service"]`,
	} {
		t.Run(strings.NewReplacer(" ", "-", "/", "-", `"`, "").Replace(at), func(t *testing.T) {
			inv := load(t, "dc1", 1)
			f := boot(t, inv, fleettest.Options{})
			var gone atomic.Bool
			_, err := apply(t, f, inv, func(o *provision.Options) {
				o.Point = func(name string) {
					if name == at && gone.CompareAndSwap(false, true) {
						f.Host("m1").Hangup()
						f.Host("n1").Hangup()
					}
				}
			})
			require.True(t, gone.Load(), "the point was not reached: %v", err)
			require.Error(t, err)
			require.Eventually(t, func() bool {
				_, err = apply(t, f, inv)
				return err == nil || !strings.Contains(err.Error(), "holds its lock")
			}, 2*time.Minute, 100*time.Millisecond, "the lock of a session that ended is free within seconds")
			require.NoError(t, err)
			last, err := look(t, f, inv)
			require.NoError(t, err)
			assert.True(t, last.Empty(), "%+v", last.Steps)
		})
	}
}
