package safety

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/facts"
	"provision/provision/inventory"
)

// cluster is one of three hosts with every role and a worker, where all is as
// the inventory says.
func cluster() Input {
	in := Input{Inventory: &inventory.Inventory{}, Facts: map[string]facts.Host{}, Known: map[string]facts.RosterHost{}, Services: "10.96.0.0/16", Founded: true}
	in.Inventory.Network.Services = netip.MustParsePrefix("10.96.0.0/16")
	in.Inventory.Etcd.DataDir = "/var/lib/etcd"
	for i, name := range []string{"m1", "m2", "m3", "n1"} {
		h := inventory.Host{Name: name, Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), Roles: []inventory.Role{inventory.RoleMaster, inventory.RoleEtcd}}
		roles, present := []string{"master", "etcd"}, []string{"/var/lib/etcd/member", "/var/lib/etcd/member/wal"}
		if name == "n1" {
			h.Roles, roles, present = []inventory.Role{inventory.RoleNode}, []string{"node"}, nil
		}
		in.Inventory.Hosts = append(in.Inventory.Hosts, h)
		in.Known[name] = facts.RosterHost{Name: name, Address: h.Address.String(), Roles: roles}
		in.Facts[name] = facts.Host{Present: present, Owned: facts.Owned{Identity: &facts.Identity{UUID: "u"}}}
	}
	return in
}

func TestWhatWouldBreakAClusterIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(in *Input)
		says   []string
	}{
		"as it is":                    {func(*Input) {}, nil},
		"service range":               {func(in *Input) { in.Services = "10.97.0.0/16" }, []string{"the service range cannot change from 10.97.0.0/16 to 10.96.0.0/16"}},
		"one of three members leaves": {func(in *Input) { in.Members = []string{"m3"} }, nil},
		"a member leaves while another has no data": {func(in *Input) {
			in.Members = []string{"m3"}
			in.Facts["m2"] = facts.Host{Present: []string{"/var/lib/etcd/member"}, Owned: in.Facts["m2"].Owned}
		}, []string{"cannot remove etcd member m3: of the 2 members that stay 2 must answer, and only 1 do (m2 does not)"}},
		"masters leave, one stays": {func(in *Input) { in.Masters = []string{"m2", "m3"} }, nil},
		"masters leave, and those that stay do not answer": {func(in *Input) {
			in.Masters = []string{"m1"}
			for i := range in.Inventory.Hosts {
				if h := &in.Inventory.Hosts[i]; h.Name == "m1" {
					h.Roles = []inventory.Role{inventory.RoleEtcd}
				}
			}
			delete(in.Facts, "m2")
			delete(in.Facts, "m3")
		}, []string{"cannot remove the role master from m1: no other master"}},
		"data of an unknown cluster": {func(in *Input) { in.Founded = false }, []string{"host m1 has etcd data", "host m2 has etcd data", "host m3 has etcd data"}},
		"workers alone answer, the others are new machines": {func(in *Input) {
			in.Facts = map[string]facts.Host{"n1": in.Facts["n1"], "m1": {}}
		}, []string{"n1 belong to cluster \"\", but none of its masters and etcd hosts confirms that:\n  know nothing of it: m1 (10.0.0.1)\n  do not answer: m2 (10.0.0.2), m3 (10.0.0.3)"}},
		"all at once": {func(in *Input) { in.Services, in.Founded = "10.97.0.0/16", false },
			[]string{"host m1 has", "host m2 has", "host m3 has", "the service range"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := cluster()
			test.change(&in)
			bad := Check(in)
			require.Len(t, bad, len(test.says), "%v", bad)
			for i, says := range test.says {
				require.ErrorContains(t, bad[i], says)
			}
		})
	}
}
