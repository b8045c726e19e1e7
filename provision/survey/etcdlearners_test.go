package survey

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/component"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/resource"
)

func TestALearnerThatAKilledRunLeftIsAVoterBeforeTheNextOneJoins(t *testing.T) {
	sv := &Surveyor{Fleet: fleet.New(fleet.Options{Inventory: &inventory.Inventory{}})}
	for i, name := range []string{"g1", "g2", "g3", "g4"} {
		h := inventory.Host{Name: name, Roles: []inventory.Role{inventory.RoleEtcd}, Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})}
		sv.Fleet.Inventory.Hosts = append(sv.Fleet.Inventory.Hosts, h)
		sv.Fleet.Members[name] = &fleet.Member{Host: h}
	}
	for name, known := range map[string][]string{"first": {"g1", "g2"}, "last": {"g1", "g4"}} {
		t.Run(name, func(t *testing.T) {
			c := &component.Cluster{EtcdMembers: map[string]string{"gone": "https://10.0.0.9:2380"}}
			var want []resource.Address
			for _, name := range known {
				c.EtcdMembers[name] = "https://" + name
				want = append(want, component.MemberAt(name))
			}
			for _, r := range sv.etcdMembers(c) {
				for _, h := range sv.Fleet.Inventory.Hosts {
					if r.Address == component.LearnerAt(h.Name) {
						assert.Equal(t, want, r.Requires[1:], "after its data: %s", h.Name)
						want = append(want, component.MemberAt(h.Name))
					}
				}
			}
			assert.Len(t, want, 4, "two joined")
		})
	}
}
