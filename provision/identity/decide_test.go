package identity

import (
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

func lab() *inventory.Inventory {
	keeper := []inventory.Role{inventory.RoleEtcd, inventory.RoleMaster}
	return &inventory.Inventory{
		Cluster: inventory.Cluster{Name: "dc1"},
		Hosts: []inventory.Host{
			{Name: "m1", Roles: keeper}, {Name: "m2", Roles: keeper},
			{Name: "n1", Roles: []inventory.Role{inventory.RoleNode}},
		},
	}
}

func member(cluster, uuid string, host inventory.Host) facts.Owned {
	return facts.Owned{Identity: &facts.Identity{UUID: uuid, Cluster: cluster, Holds: Items(host)}}
}

func TestDecide(t *testing.T) {
	inv := lab()
	m1, m2, n1 := inv.Hosts[0], inv.Hosts[1], inv.Hosts[2]
	none := facts.Owned{}
	pending := facts.Owned{Pending: &facts.Identity{UUID: "u1", Cluster: "dc1"}}
	tests := map[string]struct {
		owned   map[string]facts.Owned
		err     string
		isNew   bool
		joins   []string
		discard []string
	}{
		"new": {owned: map[string]facts.Owned{"m1": none, "m2": none, "n1": none},
			isNew: true, joins: []string{"m1", "m2", "n1"}},
		"new, a worker silent": {owned: map[string]facts.Owned{"m1": none, "m2": none},
			isNew: true, joins: []string{"m1", "m2"}},
		"new, a master silent": {owned: map[string]facts.Owned{"m1": none, "n1": none},
			err: "m2 did not answer"},
		"birth interrupted before any commit": {owned: map[string]facts.Owned{"m1": pending, "m2": none, "n1": none},
			isNew: true, joins: []string{"m1", "m2", "n1"}, discard: []string{"m1"}},
		"birth interrupted after a commit": {owned: map[string]facts.Owned{"m1": member("dc1", "u1", m1), "m2": pending, "n1": none},
			joins: []string{"m2", "n1"}},
		"existing, a master silent": {owned: map[string]facts.Owned{"m1": member("dc1", "u1", m1), "n1": member("dc1", "u1", n1)}},
		"existing": {owned: map[string]facts.Owned{"m1": member("dc1", "u1", m1), "m2": member("dc1", "u1", m2), "n1": none},
			joins: []string{"n1"}},
		"a worker cut off while it was told more": {owned: map[string]facts.Owned{"m1": member("dc1", "u1", m1), "m2": member("dc1", "u1", m2),
			"n1": {Identity: member("dc1", "u1", n1).Identity, Unsettled: true}}, joins: []string{"n1"}},
		"worker became master": {owned: map[string]facts.Owned{"m1": member("dc1", "u1", m1), "m2": member("dc1", "u1", n1)},
			joins: []string{"m2"}},
		"another cluster's": {owned: map[string]facts.Owned{"m1": member("dc2", "u2", m1)}, err: `cluster "dc2" (u2)`},
		"half of the fleet another's": {owned: map[string]facts.Owned{"m1": member("dc1", "u1", m1), "m2": member("dc2", "u2", m2), "n1": member("dc2", "u2", n1)},
			err: "its hosts belong to more than one:\n  m1: cluster \"dc1\" (u1)\n  m2, n1: cluster \"dc2\" (u2)\n"},
		"another cluster's, being born": {owned: map[string]facts.Owned{"m1": none, "m2": {Pending: &facts.Identity{UUID: "u2", Cluster: "dc2"}}, "n1": none},
			err: "m2: cluster \"dc2\" (u2)"},
		"two clusters": {owned: map[string]facts.Owned{"m1": member("dc1", "u1", m1), "n1": member("dc1", "u3", n1)}, err: "n1: cluster"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := Decide(inv, test.owned)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.isNew, d.Identity == nil)
			var joins []string
			for _, h := range inv.Hosts {
				if _, ok := d.Joins[h.Name]; ok {
					joins = append(joins, h.Name)
				}
			}
			require.Equal(t, test.joins, joins)
			require.Equal(t, test.discard, d.Discard)
		})
	}
}

func TestAWorkerDoesNotDecideWhomTheOperatorTrusts(t *testing.T) {
	inv := lab()
	inv.Hosts[2].Name = "a1" // first by name
	inv.Hosts = []inventory.Host{inv.Hosts[2], inv.Hosts[0], inv.Hosts[1]}
	good := member("dc1", "u1", inv.Hosts[1])
	good.Identity.CAs = map[string]string{"cluster": "right"}
	evil := facts.Owned{Identity: &facts.Identity{UUID: "u1", Cluster: "dc1", EtcdClusterID: "1", CAs: map[string]string{"cluster": "wrong"},
		Holds: []string{system.ClusterKey}}}
	_, err := Decide(inv, map[string]facts.Owned{"a1": evil, "m1": good, "m2": good})
	require.ErrorContains(t, err, "host a1 has another certificate authority")
	evil.Identity.CAs = nil
	d, err := Decide(inv, map[string]facts.Owned{"a1": evil, "m1": good, "m2": good})
	require.NoError(t, err)
	require.Equal(t, "right", d.Identity.CAs["cluster"])
	require.Equal(t, []string{"m1", "m2"}, d.Holders[system.ClusterKey])
}

func TestOnlyMastersAndEtcdHostsHoldKeys(t *testing.T) {
	inv := lab()
	require.NotContains(t, Items(inv.Hosts[2]), system.ClusterKey)
	require.NotContains(t, Items(inv.Hosts[2]), system.EtcdKey)
	require.Contains(t, Items(inv.Hosts[0]), system.EtcdKey)
}

func TestAHostCutOffBetweenThePhasesHoldsItsItems(t *testing.T) {
	inv := lab()
	m1, n1 := inv.Hosts[0], inv.Hosts[2]
	half := facts.Owned{Pending: &facts.Identity{UUID: "u1", Cluster: "dc1", Holds: Items(m1)}}
	d, err := Decide(inv, map[string]facts.Owned{"m1": half, "n1": member("dc1", "u1", n1)})
	require.NoError(t, err)
	require.Equal(t, []string{"m1"}, d.Holders[system.ClusterKey], "nobody else has it")
	require.Equal(t, []string{"m1"}, d.Commit)
	require.Contains(t, d.Joins, "m1")

	half.Pending.UUID = "u0" // of a birth that was given up
	d, err = Decide(inv, map[string]facts.Owned{"m1": half, "n1": member("dc1", "u1", n1)})
	require.NoError(t, err)
	require.Empty(t, d.Holders[system.ClusterKey])
	require.Empty(t, d.Commit)
}

// The roster is on masters and etcd hosts: without one of them nobody can tell
// whether the inventory's addresses are right.
func TestWorkersAloneDoNotConfirmACluster(t *testing.T) {
	inv := lab()
	m1, n1 := inv.Hosts[0], inv.Hosts[2]
	worker, none := member("dc1", "u1", n1), facts.Owned{}
	tests := map[string]struct {
		owned map[string]facts.Owned
		want  []string
	}{
		"new":                            {map[string]facts.Owned{"m1": none, "m2": none, "n1": none}, nil},
		"a master knows":                 {map[string]facts.Owned{"m1": member("dc1", "u1", m1), "m2": none, "n1": worker}, nil},
		"a master was half way":          {map[string]facts.Owned{"m1": {Pending: &facts.Identity{UUID: "u1"}}, "n1": worker}, nil},
		"masters are empty machines":     {map[string]facts.Owned{"m1": none, "m2": none, "n1": worker}, []string{"n1"}},
		"no master answers":              {map[string]facts.Owned{"n1": worker}, []string{"n1"}},
		"one empty, the other is silent": {map[string]facts.Owned{"m1": none, "n1": worker}, []string{"n1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, Unconfirmed(inv, test.owned))
		})
	}
}
