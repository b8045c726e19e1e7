package components_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/components"
	"provision/provision/component/componenttest"
	"provision/provision/component/etcd"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/unit"
)

// wanted collects all resources of all hosts, by host.
func wanted(t testing.TB, c *component.Cluster) map[string][]resource.Resource {
	t.Helper()
	byHost := map[string][]resource.Resource{}
	c.Components = components.All()
	for _, host := range c.Inventory.Hosts {
		for _, comp := range components.All() {
			if !comp.Runs(c, host) {
				continue
			}
			list, err := comp.Desired(c, host)
			require.NoError(t, err, "%s on %s", comp.Name(), host.Name)
			byHost[host.Name] = append(byHost[host.Name], list...)
		}
	}
	return byHost
}

func clusters() map[string]*component.Cluster {
	apart := componenttest.New("apart",
		componenttest.Host("e1", "10.40.3.1", inventory.RoleEtcd),
		componenttest.Host("e2", "10.40.3.2", inventory.RoleEtcd),
		componenttest.Host("e3", "10.40.3.3", inventory.RoleEtcd),
		componenttest.Host("m1", "10.40.3.11", inventory.RoleMaster),
		componenttest.Host("m2", "10.40.3.12", inventory.RoleMaster),
		componenttest.Host("n1", "10.40.3.21", inventory.RoleNode),
		componenttest.Host("out", "10.40.3.31", "outside"))
	return map[string]*component.Cluster{
		"lab": componenttest.Lab(), "single": componenttest.Single(), "small": componenttest.Small(), "apart": apart,
	}
}

func TestGraphIsSound(t *testing.T) {
	for name, c := range clusters() {
		t.Run(name, func(t *testing.T) {
			all := map[resource.Address]resource.Resource{}
			for _, list := range wanted(t, c) {
				for _, r := range list {
					require.NotContains(t, all, r.Address, "wanted twice")
					require.NotEmpty(t, r.Component, r.Address)
					all[r.Address] = r
				}
			}
			objects := objectAddresses(t, c)
			for _, r := range all {
				requireEdgesResolve(t, c, all, objects, r)
			}
			requireNoCycle(t, all)
		})
	}
}

func requireEdgesResolve(t *testing.T, c *component.Cluster, all map[resource.Address]resource.Resource, objects map[resource.Address]bool, r resource.Resource) {
	t.Helper()
	for _, needed := range r.Requires {
		if !needed.IsCluster() {
			require.Contains(t, all, needed, "required by %s", r.Address)
			continue
		}
		switch needed.Kind {
		case component.NodeKind:
			host, ok := c.Inventory.Host(needed.Name)
			require.True(t, ok && host.Joins(), "%s requires a Node of no host: %s", r.Address, needed)
		case component.ObjectKind:
			require.Contains(t, objects, needed, "required by %s", r.Address)
		default:
			require.Failf(t, "unknown cluster resource", "%s requires %s", r.Address, needed)
		}
	}
	for _, trigger := range r.Triggers {
		require.Contains(t, all, component.UnitAt(r.Address.Host, trigger.Unit), "triggered by %s", r.Address)
	}
}

func objectAddresses(t *testing.T, c *component.Cluster) map[resource.Address]bool {
	t.Helper()
	found := map[resource.Address]bool{}
	for _, comp := range components.All() {
		clusterwide, ok := comp.(component.Clusterwide)
		if !ok {
			continue
		}
		w, err := clusterwide.Clusterwide(c)
		require.NoError(t, err)
		for _, r := range w.Resources {
			require.NotContains(t, found, r.Address)
			found[r.Address] = true
		}
	}
	return found
}

func requireNoCycle(t *testing.T, all map[resource.Address]resource.Resource) {
	t.Helper()
	const open, done = 1, 2
	state := map[resource.Address]int{}
	var visit func(resource.Address)
	visit = func(a resource.Address) {
		require.NotEqual(t, open, state[a], "%s requires itself", a)
		if state[a] == done {
			return
		}
		state[a] = open
		for _, needed := range all[a].Requires {
			visit(needed)
		}
		state[a] = done
	}
	for a := range all {
		visit(a)
	}
}

// A unit starts only after everything that it reads at its start is there.
func TestUnitsRequireWhatTriggersThem(t *testing.T) {
	for host, list := range wanted(t, componenttest.Lab()) {
		all := map[resource.Address]resource.Resource{}
		for _, r := range list {
			all[r.Address] = r
		}
		for _, r := range list {
			for _, trigger := range r.Triggers {
				address := component.UnitAt(host, trigger.Unit)
				wantedUnit, ok := all[address]
				if r.Component != wantedUnit.Component {
					continue // package desired puts a unit after all that triggers it
				}
				if ok && wantedUnit.Address.Kind == unit.Kind {
					require.True(t, reaches(all, address, r.Address), "%s does not wait for %s", address, r.Address)
				}
			}
		}
	}
}

func reaches(all map[resource.Address]resource.Resource, from, to resource.Address) bool {
	for _, needed := range all[from].Requires {
		if needed == to || (!needed.IsCluster() && reaches(all, needed, to)) {
			return true
		}
	}
	return false
}

func TestHostOrderDoesNotMatter(t *testing.T) {
	for name, c := range clusters() {
		t.Run(name, func(t *testing.T) {
			before := wanted(t, c)
			for i, j := 0, len(c.Inventory.Hosts)-1; i < j; i, j = i+1, j-1 {
				hosts := c.Inventory.Hosts
				hosts[i], hosts[j] = hosts[j], hosts[i]
			}
			require.Equal(t, before, wanted(t, c))
		})
	}
}

func TestAddingNodeTouchesNoOtherHost(t *testing.T) {
	before := componenttest.Lab()
	// Before n1 in the order of names, so that nothing may shift.
	after := componenttest.With(before, componenttest.Host("a0", "10.40.0.9", inventory.RoleNode))
	old, grown := wanted(t, before), wanted(t, after)
	for host, list := range old {
		require.Equal(t, list, grown[host], host)
	}
	require.NotEmpty(t, grown["a0"])
}

func TestAddingEtcdMemberLeavesEtcdOfOthersAlone(t *testing.T) {
	before := componenttest.Lab()
	before.Learned = map[string]any{etcd.Name: etcd.Known{Members: map[string]string{
		"m1": "https://10.40.0.11:2380", "m2": "https://10.40.0.12:2380", "m3": "https://10.40.0.13:2380",
	}}}
	after := componenttest.With(before, componenttest.Host("e4", "10.40.0.14", inventory.RoleEtcd))
	grown := wanted(t, after)
	for host, list := range wanted(t, before) {
		// The first-boot file is left alone on hosts that have data.
		require.Equal(t, ofComponent(list, "etcd", "bootstrap.env"), ofComponent(grown[host], "etcd", "bootstrap.env"), host)
	}
}

func ofComponent(list []resource.Resource, name, except string) []resource.Resource {
	var found []resource.Resource
	for _, r := range list {
		if r.Component == name && !strings.HasSuffix(r.Address.Name, except) {
			found = append(found, r)
		}
	}
	return found
}

func TestNoSpecHoldsKeys(t *testing.T) {
	for host, list := range wanted(t, componenttest.Lab()) {
		for _, r := range list {
			require.NotContains(t, string(r.Spec), "PRIVATE KEY", "%s on %s", r.Address, host)
			require.NotContains(t, string(r.Spec), "BEGIN CERTIFICATE", "%s on %s", r.Address, host)
			require.True(t, json.Valid(r.Spec))
		}
	}
}

// Everything that Desired resolves must have been announced, or the artifact
// would be missing when the plan is made.
func TestArtifactsCoverBlobs(t *testing.T) {
	for name, c := range clusters() {
		announced := map[string]bool{}
		for _, comp := range components.All() {
			for _, ref := range comp.Artifacts(c) {
				found, err := c.Artifacts.Resolve(ref)
				require.NoError(t, err)
				announced[found[0].SHA256] = true
			}
		}
		for _, list := range wanted(t, c) {
			for _, r := range list {
				for _, blob := range r.Blobs {
					require.True(t, announced[blob], "%s: %s needs a blob that no component announces", name, r.Address)
				}
			}
		}
	}
}

// A folder of a component that nobody listed would silently do nothing.
func TestEveryComponentIsListed(t *testing.T) {
	source, err := os.ReadFile("components.go")
	require.NoError(t, err)
	helpers := map[string]bool{"components": true, "componenttest": true, "judge": true, "plan": true, "routes": true}
	for root, importPath := range map[string]string{"..": "provision/provision/component/", "../../../network": "provision/network/"} {
		entries, err := os.ReadDir(root)
		require.NoError(t, err)
		for _, entry := range entries {
			if entry.IsDir() && !helpers[entry.Name()] {
				require.Contains(t, string(source), `"`+importPath+entry.Name()+`"`, filepath.Join(root, entry.Name()))
			}
		}
	}
}
