package safety

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/facts"
	"provision/provision/inventory"
)

func TestMovedHosts(t *testing.T) {
	host := func(name, address string, roles ...inventory.Role) inventory.Host {
		return inventory.Host{Name: name, Address: netip.MustParseAddr(address), Roles: roles}
	}
	roster := map[string]facts.RosterHost{"m1": {Name: "m1", Address: "10.0.0.1"}, "n1": {Name: "n1", Address: "10.0.0.2"}, "gone": {Name: "gone", Address: "10.0.0.9"}}
	tests := map[string]struct {
		hosts []inventory.Host
		has   string // addresses of n1's machine
		says  []string
	}{
		"as before":                {[]inventory.Host{host("m1", "10.0.0.1", inventory.RoleEtcd), host("n1", "10.0.0.2")}, "10.0.0.2/24", nil},
		"worker moved":             {[]inventory.Host{host("m1", "10.0.0.1", inventory.RoleEtcd), host("n1", "10.0.0.3")}, "10.0.0.3/24", nil},
		"etcd host moved":          {[]inventory.Host{host("m1", "10.0.0.4", inventory.RoleEtcd), host("n1", "10.0.0.2")}, "10.0.0.2/24", []string{"etcd host m1 cannot change its address"}},
		"address of one that left": {[]inventory.Host{host("m1", "10.0.0.1", inventory.RoleEtcd), host("n1", "10.0.0.9")}, "10.0.0.9/24", nil},
		"not its address":          {[]inventory.Host{host("m1", "10.0.0.1", inventory.RoleEtcd), host("n1", "10.0.0.2")}, "192.0.2.7/24", []string{"host n1 does not have address 10.0.0.2"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := Input{Inventory: &inventory.Inventory{Hosts: test.hosts}, Known: roster,
				Facts: map[string]facts.Host{"n1": {Addresses: []facts.Address{{Interface: "eth0", CIDR: test.has}}}}}
			bad := in.moved()
			require.Len(t, bad, len(test.says), "%v", bad)
			for i, says := range test.says {
				require.ErrorContains(t, bad[i], says)
			}
		})
	}
}
