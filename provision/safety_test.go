package provision_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/fleettest"
	"provision/provision/inventory"
)

// Each of these would leave a cluster that no later apply fixes.
func TestInventoriesThatWouldBreakTheClusterAreRefused(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	edit := func(change func(*inventory.Inventory)) *inventory.Inventory {
		copied := *inv
		copied.Hosts = append([]inventory.Host(nil), inv.Hosts...)
		change(&copied)
		return &copied
	}
	tests := map[string]struct {
		change func(*inventory.Inventory)
		says   string
	}{
		"etcd role taken away": {func(i *inventory.Inventory) {
			i.Hosts[0].Roles = []inventory.Role{inventory.RoleMaster}
			i.Hosts[1].Roles = []inventory.Role{inventory.RoleEtcd, inventory.RoleNode}
		}, "cannot remove etcd member m1: it is the last one"},
		"addresses exchanged": {func(i *inventory.Inventory) {
			i.Hosts[1].Address, i.Hosts[2].Address = i.Hosts[2].Address, i.Hosts[1].Address
		}, "cannot be exchanged"},
		"services": {func(i *inventory.Inventory) {
			i.Network.Services = netip.MustParsePrefix("10.97.0.0/16")
		}, "service range cannot change from 10.96.0.0/16"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := apply(t, f, edit(test.change))
			require.ErrorContains(t, err, test.says)
		})
	}
	outcome, err := apply(t, f, inv)
	require.NoError(t, err)
	require.True(t, outcome.Plan.Empty(), "nothing was changed")
}

func TestEtcdDataOfALostLedgerAreNotTakenOver(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	require.NoError(t, f.Host("m1").Write("/var/lib/etcd/member/snap/db", "data"))
	_, err := apply(t, f, inv)
	require.ErrorContains(t, err, "m1 has etcd data in /var/lib/etcd/member, but no ledger records a cluster")
}
