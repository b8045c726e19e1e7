package toys_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/addons"
	addonlist "provision/addons/catalogue"
	"provision/provision"
	"provision/provision/bundle/catalogue"
	"provision/provision/cluster"
	"provision/provision/component"
	"provision/provision/component/components"
	"provision/provision/diag"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/parts"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/clusterkinds"
	"provision/test/toys/board"
	"provision/test/toys/depot"
	"provision/test/toys/toynet"
)

// The lists, with a line for each invented member: nothing else knows them.
func allComponents() []component.Component { return components.With(depot.New(), toynet.New()) }

func allAddons() []addons.Addon { return append(addonlist.All(), board.Addon{}) }

func allRows() catalogue.Catalogue {
	return append(catalogue.Default(), depot.Row(), toynet.Row(), board.Row())
}

func allKinds() map[string]resource.Kind[*cluster.Env] {
	all := clusterkinds.All()
	all[depot.MemberKind], all[depot.PauseKind] = depot.MemberKindOf(), depot.PauseKindOf()
	return all
}

// site is an inventory: a master and a Node, and what else is written.
type site struct {
	network string            // the body of its plugin block; "" is flannel
	rest    string            // further blocks
	depots  map[string]string // by name, their disks
}

func (s site) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster \"toys\" {\n  version = \"1.37.1\"\n}\nssh { user = \"root\" }\nnetwork {\n  pods = \"10.32.0.0/12\"\n  %s\n}\n", s.network)
	for _, h := range []struct{ name, address, roles string }{{"m1", "10.200.0.11", `"etcd", "master"`}, {"n1", "10.200.1.1", `"node"`}} {
		fmt.Fprintf(&b, "host %q {\n  address = %q\n  roles = [%s]\n  rack = \"of-%s\"\n}\n", h.name, h.address, h.roles, h.name)
	}
	for name, disk := range s.depots {
		fmt.Fprintf(&b, "host %q {\n  address = \"10.200.2.%s\"\n  roles = [\"depot\"]\n  depot { disk = %q }\n}\n", name, strings.TrimLeft(name, "s"), disk)
	}
	return b.String() + s.rest
}

func parse(t *testing.T, text string) (*inventory.Inventory, diag.List) {
	t.Helper()
	return inventory.Parse(t.Context(), map[string][]byte{"toys.hcl": []byte(text)}, inventory.Options{
		Parts: parts.Of(allComponents(), allAddons()), Catalogue: allRows(), Env: func(string) (string, bool) { return "", false }})
}

func load(t *testing.T, s site) *inventory.Inventory {
	t.Helper()
	inv, problems := parse(t, s.text())
	require.NoError(t, problems.Err())
	return inv
}

func boot(t *testing.T, inv *inventory.Inventory) *fleettest.Fleet {
	t.Helper()
	f, err := fleettest.New(fleettest.Folder(t), fleettest.Options{})
	require.NoError(t, err)
	t.Cleanup(f.Close)
	bring(t, f, inv)
	return f
}

// bring boots hosts, with the kernel module that depots need.
func bring(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory) {
	t.Helper()
	require.NoError(t, f.Boot(inv))
	for _, h := range inv.Hosts {
		require.NoError(t, f.Host(h.Name).Write("/sys/module/loop/refcnt", "0\n"))
	}
}

func operator(f *fleettest.Fleet, inv *inventory.Inventory, tune ...func(*provision.Options)) *provision.Operator {
	wired := func(o *provision.Options) {
		o.Components, o.Addons, o.ClusterKinds = allComponents(), allAddons(), allKinds()
	}
	return f.Operator(inv, append([]func(*provision.Options){wired}, tune...)...)
}

func yes(*plan.Plan) (bool, error) { return true, nil }

// apply applies, and returns the plan that was run.
func apply(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, tune ...func(*provision.Options)) *plan.Plan {
	t.Helper()
	o := operator(f, inv, tune...)
	outcome, err := o.Apply(t.Context(), yes)
	if outcome != nil {
		for _, failed := range outcome.Result.Failed {
			t.Logf("%s: %v", failed.Address, failed.Err)
		}
	}
	require.NoError(t, err)
	require.NoError(t, o.Close())
	return outcome.Plan
}

func look(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory, tune ...func(*provision.Options)) *plan.Plan {
	t.Helper()
	o := operator(f, inv, tune...)
	p, err := o.Plan(t.Context())
	require.NoError(t, err)
	require.NoError(t, o.Close())
	return p
}

// settled fails unless nothing is left to do.
func settled(t *testing.T, f *fleettest.Fleet, inv *inventory.Inventory) {
	t.Helper()
	p := look(t, f, inv)
	require.True(t, p.Empty(), "%+v", p.Steps)
}

func at(p *plan.Plan, address string) *plan.Step {
	for i := range p.Steps {
		if p.Steps[i].Address.String() == address {
			return &p.Steps[i]
		}
	}
	return nil
}
