package provision_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/component"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/inventory"
	"provision/provision/plan"
)

func removingOnly(hosts ...string) func(*provision.Options) {
	return func(o *provision.Options) { o.Task = &provision.Removal{Hosts: hosts} }
}

// twoMasters is a cluster of m1, m2 and three nodes.
func twoMasters(t *testing.T) (*fleettest.Fleet, *inventory.Inventory) {
	t.Helper()
	inv := edit(load(t, "dc1", 3), func(i *inventory.Inventory) {
		m2 := i.Hosts[0]
		m2.Name, m2.Address, m2.Roles = "m2", netip.MustParseAddr("10.200.0.12"), []inventory.Role{inventory.RoleMaster}
		i.Hosts = append(i.Hosts, m2)
	})
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	return f, inv
}

// waiting is the inventory with changes that nobody applied: a flag of all
// API servers and one host more.
func waiting(inv *inventory.Inventory) *inventory.Inventory {
	return edit(inv, func(i *inventory.Inventory) {
		i.Kubernetes.APIServerArgs = map[string]string{"max-requests-inflight": "401"}
		n9 := i.Hosts[1]
		n9.Name, n9.Address = "n9", netip.MustParseAddr("10.200.1.9")
		i.Hosts = append(i.Hosts, n9)
	})
}

// Who isolates, removes or resets a host does not apply what else changed in
// the inventory meanwhile.
func TestWhatIsDoneToOneHostBringsNothingElseAlong(t *testing.T) {
	for name, c := range map[string]struct {
		leaves []string
		tune   func(*provision.Options)
		proof  func(t *testing.T, f *fleettest.Fleet)
	}{
		"isolate a node": {nil, isolating(false, "n1"), func(t *testing.T, f *fleettest.Fleet) {
			assert.True(t, nodeState(t, f, "n1").Isolated)
		}},
		"remove a node": {[]string{"n2", "n3"}, removingOnly("n2"), func(t *testing.T, f *fleettest.Fleet) {
			assert.Equal(t, []string{"m1", "m2", "n1", "n3"}, f.API.Names("Node"))
		}},
		"remove a master": {[]string{"m2"}, removingOnly("m2"), func(t *testing.T, f *fleettest.Fleet) {
			assert.Equal(t, []string{"m1", "n1", "n2", "n3"}, f.API.Names("Node"))
		}},
		"reset a node": {nil, resetting("n2"), func(t *testing.T, f *fleettest.Fleet) {
			assert.Equal(t, []string{"m1", "m2", "n1", "n3"}, f.API.Names("Node"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f, inv := twoMasters(t)
			require.NoError(t, f.Boot(waiting(inv)))
			manifest := files(t, f.Host("m1"))
			outcome, err := apply(t, f, without(waiting(inv), c.leaves...), c.tune)
			require.NoError(t, err)
			c.proof(t, f)
			assert.Nil(t, at(outcome.Plan, component.UnitAt("m1", "kube-apiserver.service")), "%+v", outcome.Plan.Steps)
			assert.NotContains(t, hostsOf(outcome.Plan), "n9")
			for _, name := range differing(manifest, files(t, f.Host("m1"))) {
				assert.Contains(t, name, "haproxy")
			}
			p, err := look(t, f, without(waiting(inv), c.leaves...), func(o *provision.Options) { o.AllowRemovals = 3 })
			require.NoError(t, err)
			assert.NotNil(t, at(p, component.UnitAt("m1", "kube-apiserver.service")), "it goes on waiting")
		})
	}
}

func TestOnlyHostsThatLeftCanBeRemoved(t *testing.T) {
	f, inv := formed(t, 3)
	fewer := without(inv, "n2", "n3")
	f.Host("n2").Fail(sshtest.Refuse)
	_, err := apply(t, f, fewer, removingOnly("n2"))
	require.ErrorContains(t, err, "host n2: it left the inventory and does not answer")
	require.ErrorContains(t, err, "provision node remove --force n2")
	_, err = apply(t, f, fewer, removingOnly("n"))
	require.ErrorContains(t, err, "did you mean n")
	_, err = apply(t, f, fewer, removingOnly("other-host"))
	require.ErrorContains(t, err, "host other-host is not in the cluster; those that left the inventory: n2, n3")
	_, err = apply(t, f, fewer, func(o *provision.Options) {
		o.Task = &provision.Removal{Hosts: []string{"n2"}, Forget: []string{"n2"}}
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"m1", "n1", "n3"}, f.API.Names("Node"), "n3 is not named")
	p, err := look(t, f, fewer)
	require.NoError(t, err)
	assert.NotNil(t, at(p, plan.ForgetAddress("n3")))
}
