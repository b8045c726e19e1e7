package removal

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/facts"
	"provision/provision/inventory"
)

// hosts of a data center: three masters with etcd, and n nodes.
func center(n int) []facts.RosterHost {
	var list []facts.RosterHost
	for i := 1; i <= 3; i++ {
		list = append(list, facts.RosterHost{Name: fmt.Sprintf("m%d", i), Roles: []string{"etcd", "master"}})
	}
	for i := 1; i <= n; i++ {
		list = append(list, facts.RosterHost{Name: fmt.Sprintf("node-%02d", i), Roles: []string{"node"}})
	}
	return list
}

func inventoryOf(list []facts.RosterHost) *inventory.Inventory {
	inv := &inventory.Inventory{}
	for _, h := range list {
		host := inventory.Host{Name: h.Name}
		for _, role := range h.Roles {
			host.Roles = append(host.Roles, inventory.Role(role))
		}
		inv.Hosts = append(inv.Hosts, host)
	}
	return inv
}

func TestWhatAnInventoryTakesAway(t *testing.T) {
	all := center(40)
	renamed := append(center(0), facts.RosterHost{Name: "worker-1", Roles: []string{"node"}})
	demoted := center(40)
	demoted[0].Roles = []string{"etcd"}
	swapped := center(40)
	for i := range 3 {
		swapped[i].Roles = []string{"etcd", "node"}
	}
	swapped[3].Roles = []string{"master"}
	tests := map[string]struct {
		roster, now []facts.RosterHost
		count       int
		lost        []string
		needs       bool
		says        []string
	}{
		"nothing":                       {all, all, 0, nil, false, nil},
		"more":                          {center(2), all, 0, nil, false, nil},
		"one node":                      {all, center(39), 1, nil, false, nil},
		"two nodes":                     {all, center(38), 2, nil, true, []string{"takes 2 hosts away", "node-39 (node) leaves", "node-40 (node) leaves", "add --allow-removals 2"}},
		"node-[01-40] became [01-04]":   {all, center(4), 36, nil, true, []string{"takes 36 hosts away", "node-05 (node) leaves", "16 more: node-25, ", "node-40", "add --allow-removals 36"}},
		"the last node":                 {center(1), center(0), 1, []string{"node"}, true, []string{"takes 1 host away", "every host with the role node", "add --allow-removals 1"}},
		"an emptied block":              {all, center(0), 40, []string{"node"}, true, []string{"every host with the role node", "add --allow-removals 40"}},
		"all nodes under another name":  {all, renamed, 40, []string{"node"}, true, []string{"every host with the role node"}},
		"a role of a host that stays":   {all, demoted, 1, nil, false, nil},
		"another data center's file":    {all, []facts.RosterHost{{Name: "x1", Roles: []string{"etcd", "master", "node"}}}, 43, []string{"etcd", "master", "node"}, true, []string{"the role etcd, master, node", "add --allow-removals 43"}},
		"roles exchanged between hosts": {all, swapped, 4, []string{"master"}, true, []string{"m1 loses the role master", "node-01 loses the role node", "every host with the role master"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := Of(test.roster, inventoryOf(test.now))
			assert.Equal(t, test.count, s.Count())
			assert.Equal(t, test.lost, s.Lost)
			assert.Equal(t, test.needs, s.NeedsLeave())
			require.NoError(t, s.Allowed(test.count))
			if !test.needs {
				require.NoError(t, s.Allowed(0))
				return
			}
			for _, says := range test.says {
				require.ErrorContains(t, s.Allowed(0), says)
			}
			require.Error(t, s.Allowed(test.count-1))
		})
	}
}

// Whatever an inventory leaves out is counted, and nothing else.
func TestEveryLossIsCounted(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 3))
	for range 2000 {
		roster := center(random.IntN(30))
		var now []facts.RosterHost
		gone, lost := 0, map[string]bool{"etcd": true, "master": true, "node": len(roster) > 3}
		for _, h := range roster {
			if random.IntN(4) == 0 {
				gone++
				continue
			}
			now = append(now, h)
			for _, role := range h.Roles {
				lost[role] = false
			}
		}
		now = append(now, facts.RosterHost{Name: "new", Roles: []string{"node"}})
		random.Shuffle(len(now), func(i, j int) { now[i], now[j] = now[j], now[i] })
		s := Of(roster, inventoryOf(now))
		require.Equal(t, gone, s.Count())
		require.Len(t, s.Leavers(), gone)
		for role, is := range lost {
			require.Equal(t, is, contains(s.Lost, role), "%s of %v", role, s.Lost)
		}
		require.Equal(t, gone > 1 || len(s.Lost) > 0, s.Allowed(0) != nil)
	}
}

func contains(list []string, wanted string) bool {
	for _, entry := range list {
		if entry == wanted {
			return true
		}
	}
	return false
}

// Another name is another host: what that costs, and how to avoid it, is said.
func TestTheSameMachineUnderAnotherName(t *testing.T) {
	roster := []facts.RosterHost{{Name: "n1", Address: "192.0.2.21", Roles: []string{"node"}}, {Name: "n2", Address: "192.0.2.22", Roles: []string{"node"}},
		{Name: "n3", Address: "not an address", Roles: []string{"node"}}}
	host := func(name, address string) inventory.Host {
		return inventory.Host{Name: name, Address: netip.MustParseAddr(address), Roles: []inventory.Role{inventory.RoleNode}}
	}
	for title, c := range map[string]struct {
		now  []inventory.Host
		want map[string]string // successor by who leaves
	}{
		"renamed":             {now: []inventory.Host{host("n1", "192.0.2.21"), host("nn2", "192.0.2.22")}, want: map[string]string{"n2": "nn2", "n3": ""}},
		"another machine":     {now: []inventory.Host{host("n1", "192.0.2.21"), host("nn2", "192.0.2.23")}, want: map[string]string{"n2": "", "n3": ""}},
		"its address is n1's": {now: []inventory.Host{host("n1", "192.0.2.22")}, want: map[string]string{"n2": "", "n3": ""}},
	} {
		t.Run(title, func(t *testing.T) {
			set := Of(roster, &inventory.Inventory{Hosts: c.now})
			got := map[string]string{}
			for _, h := range set.Hosts {
				got[h.Name] = h.Successor
			}
			assert.Equal(t, c.want, got)
			text := set.List("  ")
			if title != "renamed" {
				assert.NotContains(t, text, "same machine")
				return
			}
			assert.Contains(t, text, "  n2 (node) leaves; the new host nn2 has its address. If it is the same machine")
			assert.Contains(t, text, "keep the name n2 in the inventory")
		})
	}
}
