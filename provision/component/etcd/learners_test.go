package etcd_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/etcd"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource"
)

func TestALearnerThatAKilledRunLeftIsAVoterBeforeTheNextOneJoins(t *testing.T) {
	c := &component.Cluster{Inventory: &inventory.Inventory{}, Facts: map[string]facts.Host{}}
	for i, name := range []string{"g1", "g2", "g3", "g4"} {
		h := inventory.Host{Name: name, Roles: []inventory.Role{inventory.RoleEtcd}, Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})}
		c.Inventory.Hosts = append(c.Inventory.Hosts, h)
		c.Facts[name] = facts.Host{}
	}
	for name, known := range map[string][]string{"first": {"g1", "g2"}, "last": {"g1", "g4"}} {
		t.Run(name, func(t *testing.T) {
			members := map[string]string{"gone": "https://10.0.0.9:2380"}
			c.Learned = map[string]any{etcd.Name: etcd.Known{Members: members}}
			var want []resource.Address
			for _, name := range known {
				members[name] = "https://" + name
				want = append(want, component.MemberAt(name))
			}
			w, err := etcd.New().(component.Clusterwide).Clusterwide(c)
			require.NoError(t, err)
			for _, r := range w.Resources {
				for _, h := range c.Inventory.Hosts {
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
