//go:build bench

package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/fleettest"
	"provision/provision/inventory"
)

// baseline runs "true" on each host over the same SSH servers, one host after
// the other: what a loop around ssh does.
func baseline(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory) run {
	t.Helper()
	bytes := f.Bytes()
	watch := startWatch()
	require.NoError(t, f.Exec(t.Context(), inv, "true"))
	r := watch.stop("ssh HOST true, in a loop")
	r.BytesPerHost = (f.Bytes() - bytes) / int64(len(inv.Hosts))
	r.ExecsPerHost = 1
	r.print(t)
	return r
}
