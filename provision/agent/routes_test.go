package agent_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
)

// routeTable is /proc/net/route of a host with flannel: default, own link, three
// ranges in a row of which one is its own, one that is refused, one that is down,
// and garbage.
const routeTable = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
host0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
flannel.1	0000200A	0000200A	0003	0	0	0	00FFFFFF	0	0	0
cni0	0001200A	00000000	0001	0	0	0	00FFFFFF	0	0	0
flannel.1	0002200A	0002200A	0003	0	0	0	00FFFFFF	0	0	0
*	0003200A	00000000	0201	0	0	0	00FFFFFF	0	0	0
flannel.1	0004200A	0004200A	0002	0	0	0	00FFFFFF	0	0	0
host0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
host0	zz	00000000	0001	0	0	0	00FFFFFF	0	0	0
host0	00	00000000	1	0	0	0	00FFFFFF	0	0	0
`

func TestHealthTellsRoutes(t *testing.T) {
	h := newHost(t)
	s := h.session(t, sessionOptions{})
	got, err := api.Health.Call(t.Context(), s, api.HealthParams{})
	require.NoError(t, err)
	assert.Empty(t, got.Routes, "they cannot be read")

	h.write(t, "/proc/net/route", routeTable)
	got, err = api.Health.Call(t.Context(), s, api.HealthParams{})
	require.NoError(t, err)
	assert.Equal(t, []api.Route{
		{Bits: 24, First: netip.MustParseAddr("10.32.0.0"), Last: netip.MustParseAddr("10.32.2.255")},
		{Bits: 24, First: netip.MustParseAddr("192.0.2.0"), Last: netip.MustParseAddr("192.0.2.255")},
	}, got.Routes)

	h.write(t, "/proc/net/route", strings.Repeat("a 0000200A 0 0001 0 0 0 00FFFFFF 0 0 0\n", 4097))
	got, err = api.Health.Call(t.Context(), s, api.HealthParams{})
	require.NoError(t, err)
	assert.Empty(t, got.Routes, "too many to tell")
}
