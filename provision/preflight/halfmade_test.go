package preflight

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/facts"
	"provision/provision/inventory"
)

// A run that was killed leaves hosts that are still new and have the pod
// network's address: the next one must take them.
func TestAHostThatAKilledRunLeftIsTaken(t *testing.T) {
	inv := &inventory.Inventory{}
	inv.Network.Pods = netip.MustParsePrefix("10.32.0.0/12")
	host := Host{Host: inventory.Host{Name: "n1", Address: netip.MustParseAddr("10.0.0.21")}}
	host.Facts.Addresses = []facts.Address{{Interface: "eth0", CIDR: "10.0.0.21/24"}, {Interface: "flannel.1", CIDR: "10.32.1.0/32"}}
	assert.Len(t, Input{Inventory: inv, Hosts: []Host{host}}.addresses(), 1, "somebody else's")
	host.Facts.Owned.Resources = []facts.Resource{{ID: `unit["flanneld.service"]`}}
	assert.Empty(t, Input{Inventory: inv, Hosts: []Host{host}}.addresses(), "its own")
}
