//go:build bench

package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/fleettest"
	"provision/provision/preflight"
)

// TestPreflightOfAThousandHosts counts what is tried host to host: it grows
// with the number of hosts, not with its square.
func TestPreflightOfAThousandHosts(t *testing.T) {
	counts := map[int]int{}
	for _, nodes := range []int{97, 997} {
		f, err := fleettest.New(fleettest.Folder(t), fleettest.Options{})
		require.NoError(t, err)
		inv := datacenter(t, nodes)
		require.NoError(t, f.Boot(inv))
		o := f.Operator(inv)
		p, err := o.Preflight(t.Context(), false)
		require.NoError(t, err)
		require.NoError(t, o.Close())
		f.Close()
		for _, finding := range p.Findings {
			require.NotEqual(t, preflight.Error, finding.Severity, "%+v", finding)
		}
		t.Logf("%d hosts: %d pairs, %d connections, %.1f s", p.Hosts, p.Pairs, p.Connections, p.Took.Seconds())
		counts[p.Hosts] = p.Pairs
	}
	require.Less(t, counts[1000], 12*counts[100], "ten times the hosts")
}
