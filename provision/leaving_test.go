package provision_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/cluster"
	"provision/provision/fleettest"
	"provision/provision/internal/ssh/sshtest"
	"provision/provision/internal/system"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
)

// without is the inventory with hosts left out.
func without(inv *inventory.Inventory, names ...string) *inventory.Inventory {
	return edit(inv, func(i *inventory.Inventory) {
		i.Hosts = slices.DeleteFunc(i.Hosts, func(h inventory.Host) bool { return slices.Contains(names, h.Name) })
	})
}

// files of a host, but for what provision keeps for itself.
func files(t *testing.T, h *fleettest.Host) map[string]string {
	t.Helper()
	found := tree(t, h)
	maps.DeleteFunc(found, func(name, _ string) bool {
		return strings.HasPrefix(name, system.StateDir) || filepath.Base(name) == "fake.json"
	})
	return found
}

func at(p *plan.Plan, a resource.Address) *plan.Step {
	for i := range p.Steps {
		if p.Steps[i].Address == a {
			return &p.Steps[i]
		}
	}
	return nil
}

func TestANodeThatLeavesIsEmptiedAndForgotten(t *testing.T) {
	inv := load(t, "dc1", 3)
	f := boot(t, inv, fleettest.Options{})
	before := files(t, f.Host("n3"))
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.Run("n3", cluster.Pod{Namespace: "default", Name: "web"})
	others := map[string]map[string]string{"n1": files(t, f.Host("n1")), "n2": files(t, f.Host("n2"))}

	outcome, err := apply(t, f, without(inv, "n3"))
	require.NoError(t, err)
	assert.NotNil(t, at(outcome.Plan, plan.ForgetAddress("n3")))
	assert.Equal(t, []string{"n3"}, f.API.Drained())
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
	after := files(t, f.Host("n3"))
	assert.Empty(t, differing(before, after), "the host is as it was")
	assert.NoDirExists(t, filepath.Join(f.Host("n3").Root, system.IdentityDir))
	for name, was := range others {
		assert.Empty(t, differing(was, files(t, f.Host(name))), "%s is not touched", name)
	}
	again, err := apply(t, f, without(inv, "n3"))
	require.NoError(t, err)
	assert.True(t, again.Plan.Empty(), "%+v", again.Plan.Steps)
	assert.Nil(t, again.Plan.Removals)

	_, err = apply(t, f, inv)
	require.NoError(t, err, "it may come back")
	assert.Equal(t, []string{"m1", "n1", "n2", "n3"}, f.API.Names("Node"))
}

func TestAHostThatLeavesAndDoesNotAnswerIsForgottenOnlyWhenTold(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.Host("n2").Fail(sshtest.Refuse)

	p, err := look(t, f, without(inv, "n2"))
	require.NoError(t, err)
	assert.True(t, p.Empty(), "%+v", p.Steps)
	assert.True(t, p.Incomplete())
	_, err = apply(t, f, without(inv, "n2"))
	require.ErrorContains(t, err, "provision node remove --force n2")

	forget := func(o *provision.Options) { o.Task = &provision.Removal{Forget: []string{"n2"}} }
	_, err = apply(t, f, without(inv, "n2"), forget)
	require.NoError(t, err)
	assert.Equal(t, []string{"m1", "n1"}, f.API.Names("Node"))
	assert.Empty(t, f.API.Drained(), "nobody can say when the pods of a dead host have ended")
	p, err = look(t, f, without(inv, "n2"))
	require.NoError(t, err)
	assert.True(t, p.Empty())
	assert.False(t, p.Incomplete())
}

func TestARemovalThatFailsIsGoneOnWith(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.Break(assert.AnError)
	_, err = apply(t, f, without(inv, "n2"))
	require.Error(t, err)
	kubelet := filepath.Join(f.Host("n2").Root, "/usr/local/bin/kubelet")
	assert.FileExists(t, kubelet, "nothing is taken from a host that was not drained")
	f.API.Break(nil)
	_, err = apply(t, f, without(inv, "n2"))
	require.NoError(t, err)
	assert.NoFileExists(t, kubelet)
	assert.Equal(t, []string{"m1", "n1"}, f.API.Names("Node"))
}

func TestTheLastMasterStays(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	moved := edit(inv, func(i *inventory.Inventory) {
		i.Hosts[0].Roles = []inventory.Role{inventory.RoleNode}
		i.Hosts[1].Roles = []inventory.Role{inventory.RoleEtcd, inventory.RoleMaster}
	})
	_, err = apply(t, f, moved, func(o *provision.Options) { o.AllowRemovals = 5 })
	require.Error(t, err)
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
}

func TestOneLeavingHostCanBeTargeted(t *testing.T) {
	f, inv := formed(t, 3)
	fewer := without(inv, "n2", "n3")
	_, err := apply(t, f, fewer, func(o *provision.Options) {
		o.Targets, o.AllowRemovals = []string{plan.ForgetAddress("n3").String()}, 1
	})
	require.Error(t, err, "the inventory takes two away")
	_, err = apply(t, f, fewer, func(o *provision.Options) {
		o.Targets, o.AllowRemovals = []string{plan.ForgetAddress("n3").String()}, 2
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"m1", "n1", "n2"}, f.API.Names("Node"))
}
