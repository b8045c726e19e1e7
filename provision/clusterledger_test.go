package provision_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/cluster"
	"provision/provision/clusterledger"
	"provision/provision/component"
	"provision/provision/fleettest"
	"provision/provision/inventory"
	"provision/provision/parts"
	"provision/provision/plan"
	"provision/provision/resource"
)

func clusterAt(kind, name string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: kind, Name: name}
}

var dns = clusterAt("release", "coredns")

// addon is the inventory with the settings of an add-on.
func addon(t *testing.T, inv *inventory.Inventory, name, settings string) *inventory.Inventory {
	t.Helper()
	text := "cluster \"c\" {}\nhost \"a\" {\n  address = \"192.0.2.1\"\n  roles = [\"etcd\", \"master\", \"node\"]\n}\naddon \"" + name + "\" {\n" + settings + "\n}\n"
	parsed, problems := inventory.Parse(t.Context(), map[string][]byte{"addon.hcl": []byte(text)}, inventory.Options{Parts: parts.All()})
	require.NoError(t, problems.Err())
	return edit(inv, func(i *inventory.Inventory) {
		i.Addons = parsed.Addons
	})
}

// withoutDNS is the inventory with the only add-on switched off.
func withoutDNS(t *testing.T, inv *inventory.Inventory) *inventory.Inventory {
	return addon(t, inv, "coredns", "enabled = false")
}

func TestAnAddOnThatIsSwitchedOffLeavesTheCluster(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	require.Equal(t, []string{"kube-system/coredns"}, f.API.Releases())

	off := withoutDNS(t, inv)
	p, err := look(t, f, off)
	require.NoError(t, err)
	step := at(p, dns)
	require.NotNil(t, step, "%+v", p.Steps)
	assert.Equal(t, plan.Remove, step.Action)
	assert.Equal(t, "coredns", step.Component)
	assert.Equal(t, "uninstalled", step.Changes[0].New)
	unpinned := 0
	for _, s := range p.Steps {
		if s.Action == plan.Remove && s.Address.Kind == "image" {
			unpinned++
			assert.Contains(t, s.Requires, dns, "its pods end first")
		}
	}
	assert.Positive(t, unpinned)
	require.Equal(t, []string{"kube-system/coredns"}, f.API.Releases(), "plan changes nothing")

	_, err = apply(t, f, off)
	require.NoError(t, err)
	assert.Empty(t, f.API.Releases())
	last, err := look(t, f, off)
	require.NoError(t, err)
	assert.True(t, last.Empty(), "%+v", last.Steps)

	_, err = apply(t, f, inv)
	require.NoError(t, err, "it comes back")
	assert.Equal(t, []string{"kube-system/coredns"}, f.API.Releases())
}

// What is about something else takes nothing away from the cluster.
func TestRunsThatAreAboutSomethingElseRemoveNothing(t *testing.T) {
	inv := load(t, "dc1", 2)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	off := withoutDNS(t, inv)
	for name, tune := range map[string]func(*provision.Options){
		"a target":   func(o *provision.Options) { o.Targets = []string{"n1"} },
		"renewal":    func(o *provision.Options) { o.Task = &provision.Renewal{} },
		"isolation":  func(o *provision.Options) { o.Task = &provision.Isolation{Hosts: []string{"n1"}} },
		"reset":      func(o *provision.Options) { o.Task = &provision.Reset{Hosts: []string{"n1"}} },
		"no removal": func(o *provision.Options) { o.Task = &provision.Reboot{Hosts: []string{"n1"}} },
	} {
		t.Run(name, func(t *testing.T) {
			p, err := look(t, f, off, tune)
			require.NoError(t, err)
			assert.Nil(t, at(p, dns))
			assert.Nil(t, at(p, plan.LedgerAddress("dc1")))
		})
	}
	p, err := look(t, f, off, func(o *provision.Options) { o.Targets = []string{dns.String()} })
	require.NoError(t, err)
	assert.NotNil(t, at(p, dns), "unless it is named")
}

func TestWithoutTheAPINothingLeavesAndThePlanSaysSo(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.Break(errors.New("connection refused"))
	p, err := look(t, f, withoutDNS(t, inv))
	require.NoError(t, err)
	assert.Nil(t, at(p, dns))
	assert.Contains(t, strings.Join(p.Warnings, "\n"), "nothing is removed from the cluster")
}

// Eight operators at once kept an API so busy that the ledger was not read in
// time, and each run ended there.
func TestALedgerThatCannotBeReadInTimeLetsNothingLeave(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.API.Stall(clusterledger.Ref())
	p, err := look(t, f, withoutDNS(t, inv))
	require.NoError(t, err)
	assert.Nil(t, at(p, dns))
	assert.Contains(t, strings.Join(p.Warnings, "\n"), "this run removes nothing from it")
}

// guest is a component with one more object.
type guest struct {
	component.Component
	role string
}

func (g guest) Clusterwide(*component.Cluster) (component.Wide, error) {
	return component.Manifested(component.Object{Name: "ClusterRole/" + g.role, YAML: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: " + g.role + "}\n"})
}

// hosting lets the component that is called name want a role, too.
func hosting(name, role string) func(*provision.Options) {
	return func(o *provision.Options) {
		list := append([]component.Component(nil), o.Components...)
		for i, c := range list {
			if c.Name() == name {
				list[i] = guest{c, role}
			}
		}
		o.Components = list
	}
}

func TestAnObjectThatNoComponentWantsLeavesTheCluster(t *testing.T) {
	role := cluster.Ref{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "guest"}
	theirs := cluster.Object{"apiVersion": role.APIVersion, "kind": role.Kind, "metadata": map[string]any{"name": "guest", "labels": map[string]any{"by": "them"}}}
	for name, tc := range map[string]struct {
		before cluster.Object
		after  any // the value of their label
	}{
		"that provision made":     {},
		"that somebody else made": {before: theirs, after: "them"},
	} {
		t.Run(name, func(t *testing.T) {
			inv := load(t, "dc1", 1)
			f := boot(t, inv, fleettest.Options{})
			if tc.before != nil {
				f.API.Put(role, tc.before)
			}
			_, err := apply(t, f, inv, hosting("loadbalancer", "guest"))
			require.NoError(t, err)
			require.NotNil(t, f.API.Object(role))
			outcome, err := apply(t, f, inv)
			require.NoError(t, err)
			step := at(outcome.Plan, clusterAt("object", "ClusterRole/guest"))
			require.NotNil(t, step)
			assert.Equal(t, plan.Remove, step.Action)
			if tc.before == nil {
				assert.Nil(t, f.API.Object(role))
			} else {
				metadata := f.API.Object(role)["metadata"].(map[string]any)
				assert.Equal(t, tc.after, metadata["labels"].(map[string]any)["by"])
			}
			last, err := look(t, f, inv)
			require.NoError(t, err)
			assert.True(t, last.Empty(), "%+v", last.Steps)
		})
	}
}

// An operator that is gone between the ledger and the change, and between the
// removal and the ledger, never loses track.
func TestTheLedgerIsWrittenBeforeTheChange(t *testing.T) {
	for _, point := range []string{"recorded " + dns.String(), "removing " + dns.String(), "restored " + dns.String()} {
		t.Run(strings.Fields(point)[0], func(t *testing.T) {
			inv := load(t, "dc1", 1)
			f := boot(t, inv, fleettest.Options{})
			var gone atomic.Bool
			killed := func(o *provision.Options) {
				o.Point = func(name string) {
					if name == point && gone.CompareAndSwap(false, true) {
						f.API.Break(errors.New("the session ended"))
					}
				}
			}
			_, first := apply(t, f, inv, killed)
			off := withoutDNS(t, inv)
			if !gone.Load() {
				require.NoError(t, first)
				_, first = apply(t, f, off, killed)
			}
			require.True(t, gone.Load(), "the point was not reached")
			require.Error(t, first)
			f.API.Break(nil)
			_, err := apply(t, f, off)
			require.NoError(t, err)
			assert.Empty(t, f.API.Releases())
			last, err := look(t, f, off)
			require.NoError(t, err)
			assert.True(t, last.Empty(), "%+v", last.Steps)
		})
	}
}

// Clusters of earlier versions have no ledger, and somebody may delete it, or
// write into it.
func TestALedgerThatIsLostIsWrittenAnewFromWhatIsThere(t *testing.T) {
	for name, lose := range map[string]func(f *fleettest.Fleet){
		"none": func(f *fleettest.Fleet) { f.API.Put(clusterledger.Ref(), nil) },
		"edited": func(f *fleettest.Fleet) {
			object := maps.Clone(f.API.Object(clusterledger.Ref()))
			data := maps.Clone(object["data"].(map[string]any))
			data["ledger"] = base64.StdEncoding.EncodeToString([]byte("{}"))
			object["data"] = data
			f.API.Put(clusterledger.Ref(), object)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inv := load(t, "dc1", 1)
			f := boot(t, inv, fleettest.Options{})
			_, err := apply(t, f, inv, hosting("loadbalancer", "guest"))
			require.NoError(t, err)
			role := cluster.Ref{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "guest"}
			f.API.Put(role, f.API.Object(role)) // by somebody else, too
			lose(f)

			outcome, err := apply(t, f, inv, hosting("loadbalancer", "guest"))
			require.NoError(t, err)
			assert.Equal(t, 1, len(outcome.Plan.Steps)-outcome.Plan.Count()[plan.Wait], "%+v", outcome.Plan.Steps)
			step := at(outcome.Plan, plan.LedgerAddress("dc1"))
			require.NotNil(t, step)
			assert.Equal(t, "rewritten", step.Changes[0].New)
			last, err := look(t, f, inv, hosting("loadbalancer", "guest"))
			require.NoError(t, err)
			assert.True(t, last.Empty(), "%+v", last.Steps)

			_, err = apply(t, f, withoutDNS(t, inv))
			require.NoError(t, err)
			assert.Empty(t, f.API.Releases(), "its digest tells that provision installed it")
			assert.NotNil(t, f.API.Object(role), "others write it, so it may have been there before")
		})
	}
}

func TestALedgerOfANewerProvisionIsRefused(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	object := maps.Clone(f.API.Object(clusterledger.Ref()))
	data := maps.Clone(object["data"].(map[string]any))
	data["format"] = base64.StdEncoding.EncodeToString([]byte("9"))
	object["data"] = data
	f.API.Put(clusterledger.Ref(), object)
	writes := f.API.Writes()
	_, err = apply(t, f, withoutDNS(t, inv))
	require.ErrorContains(t, err, "its format is 9, this provision reads 1")
	assert.Equal(t, writes, f.API.Writes(), "nothing was changed")
}

func TestALabelThatLeavesTheInventoryLeavesTheNode(t *testing.T) {
	inv := load(t, "dc1", 1)
	f := boot(t, inv, fleettest.Options{})
	labelled := edit(inv, func(i *inventory.Inventory) {
		i.Hosts[1].Labels = map[string]string{"disk": "ssd"}
		i.Hosts[1].Taints = []inventory.Taint{{Key: "gpu", Effect: "NoSchedule"}}
	})
	_, err := apply(t, f, labelled)
	require.NoError(t, err)
	n1 := cluster.Ref{APIVersion: "v1", Kind: "Node", Name: "n1"}
	labels := func() map[string]any { return f.API.Object(n1)["metadata"].(map[string]any)["labels"].(map[string]any) }
	require.Equal(t, "ssd", labels()["disk"])
	outcome, err := apply(t, f, inv)
	require.NoError(t, err)
	require.NotNil(t, at(outcome.Plan, clusterAt("node", "n1")))
	assert.NotContains(t, labels(), "disk")
	assert.Empty(t, f.API.Object(n1)["spec"].(map[string]any)["taints"])
}
