package routes

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRoutersTakeTheLines(t *testing.T) {
	nodes := []Node{node("n1", "192.0.2.21", "10.32.1.0/24"), node("n2", "192.0.2.22", "10.32.2.0/23"), node("n6", "2001:db8::6", "fd00:0:0:1::/64")}
	list := []Route{to("10.32.1.0/24", "192.0.2.21"), to("10.32.2.0/23", "192.0.2.11", "192.0.2.12"), to("fd00:0:0:1::/64", "2001:db8::6")}
	for format, want := range map[string]string{
		"ip": `# n1
ip route replace 10.32.1.0/24 via 192.0.2.21
# n2
ip route replace 10.32.2.0/23 nexthop via 192.0.2.11 nexthop via 192.0.2.12
# n6
ip route replace fd00:0:0:1::/64 via 2001:db8::6
`,
		"frr": `! n1
ip route 10.32.1.0/24 192.0.2.21
! n2
ip route 10.32.2.0/23 192.0.2.11
ip route 10.32.2.0/23 192.0.2.12
! n6
ipv6 route fd00:0:0:1::/64 2001:db8::6
`,
		"cisco": `! n1
ip route 10.32.1.0 255.255.255.0 192.0.2.21
! n2
ip route 10.32.2.0 255.255.254.0 192.0.2.11
ip route 10.32.2.0 255.255.254.0 192.0.2.12
! n6
ipv6 route fd00:0:0:1::/64 2001:db8::6
`,
		"junos": `# n1
set routing-options static route 10.32.1.0/24 next-hop 192.0.2.21
# n2
set routing-options static route 10.32.2.0/23 next-hop 192.0.2.11
set routing-options static route 10.32.2.0/23 next-hop 192.0.2.12
# n6
set routing-options rib inet6.0 static route fd00:0:0:1::/64 next-hop 2001:db8::6
`,
	} {
		got, err := Render(format, list, nodes)
		require.NoError(t, err)
		assert.Equal(t, want, got, format)
	}
	_, err := Render("ios", list, nodes)
	assert.EqualError(t, err, `"ios" is no format of routes; the formats are ip, frr, cisco, junos`)
}
