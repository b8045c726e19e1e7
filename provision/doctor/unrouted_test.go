package doctor

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"provision/provision/agent/api"
)

// TestUnroutedIsWhatNoRouteHolds compares with looking at each range and each
// route.
func TestUnroutedIsWhatNoRouteHolds(t *testing.T) {
	third := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{255, 255, byte(n), 0}) }
	rapid.Check(t, func(t *rapid.T) {
		var hosts []podHost
		for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(236, 255), 0, 20, rapid.ID[int]).Draw(t, "hosts") {
			hosts = append(hosts, podHost{Host: Host{}, pods: netip.PrefixFrom(third(n), 24)})
		}
		var routes []api.Route
		for range rapid.IntRange(0, 6).Draw(t, "routes") {
			first := rapid.IntRange(236, 255).Draw(t, "first")
			last := rapid.IntRange(first, 255).Draw(t, "last")
			routes = append(routes, api.Route{Bits: rapid.SampledFrom([]int{16, 24}).Draw(t, "bits"),
				First: third(first), Last: netip.AddrFrom4([4]byte{255, 255, byte(last), 255})})
		}
		var want []podHost
		sorted := byWidth(hosts)[24]
		for _, h := range sorted {
			if !slices.ContainsFunc(routes, func(r api.Route) bool {
				return r.Bits == 24 && r.First.Compare(h.pods.Addr()) <= 0 && h.pods.Addr().Compare(r.Last) <= 0
			}) {
				want = append(want, h)
			}
		}
		assert.Equal(t, want, unrouted(routes, 24, sorted))
	})
}
