package kubelet_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/component"
	"provision/provision/component/componenttest"
	"provision/provision/component/kubelet"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/hugepages"
	"provision/provision/resource/managers"
)

func wanted(t *testing.T, c *component.Cluster, host, kind string) []resource.Resource {
	t.Helper()
	h, _ := c.Inventory.Host(host)
	list, err := kubelet.New().Desired(c, h)
	require.NoError(t, err)
	var found []resource.Resource
	for _, r := range list {
		if r.Address.Kind == kind {
			found = append(found, r)
		}
	}
	return found
}

func begun(t *testing.T, c *component.Cluster, host string) managers.Spec {
	t.Helper()
	list := wanted(t, c, host, managers.Kind)
	require.Len(t, list, 1)
	assert.True(t, list[0].Drains, "pods leave the Node before")
	assert.Equal(t, kubelet.Unit, list[0].Triggers[0].Unit)
	var spec managers.Spec
	require.NoError(t, json.Unmarshal(list[0].Spec, &spec))
	return spec
}

func TestPools(t *testing.T) {
	c := componenttest.Lab()
	c.Inventory.Pools = []inventory.Pool{{Name: "batch", Roles: []inventory.Role{inventory.RoleNode},
		CPUManager: "static", TopologyManager: "restricted", MemoryManager: "Static", ReservedCPUs: "0-1",
		ReservedMemory: map[string]string{"10": "1Gi", "0": "2Gi"}, SystemReserved: map[string]string{"memory": "1Gi"},
		HugePages: map[string]int{"2Mi": 512, "1Gi": 2}, Config: map[string]any{"maxPods": 7}}}
	got := config(t, c, "n1")
	assert.Equal(t, "static", got["cpuManagerPolicy"])
	assert.Equal(t, "restricted", got["topologyManagerPolicy"])
	assert.Equal(t, "Static", got["memoryManagerPolicy"])
	assert.Equal(t, "0-1", got["reservedSystemCPUs"])
	assert.EqualValues(t, 7, got["maxPods"])
	assert.Equal(t, map[string]any{"cpu": "100m", "memory": "1Gi"}, got["systemReserved"], "over what we keep by roles")
	assert.Equal(t, []any{
		map[string]any{"numaNode": 0.0, "limits": map[string]any{"memory": "2Gi"}},
		map[string]any{"numaNode": 10.0, "limits": map[string]any{"memory": "1Gi"}},
	}, got["reservedMemory"])
	spec := begun(t, c, "n1")
	assert.Equal(t, "static", spec.CPU)
	assert.Contains(t, spec.Reserved, `"cpu reservedSystemCPUs":"0-1"`)
	pages := wanted(t, c, "n1", hugepages.Kind)
	require.Len(t, pages, 2)
	assert.Equal(t, "1048576", pages[0].Address.Name)
	assert.Equal(t, "2048", pages[1].Address.Name)
	assert.True(t, pages[1].Drains)

	assert.NotContains(t, config(t, c, "m1"), "cpuManagerPolicy", "a master is in no pool")
	assert.Equal(t, managers.Spec{Folder: "/var/lib/kubelet", CPU: "none", Memory: "None"}, begun(t, c, "m1"))
	assert.Empty(t, wanted(t, c, "m1", hugepages.Kind))
}

// Managers begin anew when what they depend on changes, and only then.
func TestWhatManagersDependOn(t *testing.T) {
	c := componenttest.Lab()
	pool := inventory.Pool{Roles: []inventory.Role{inventory.RoleNode}, CPUManager: "static", ReservedCPUs: "0"}
	with := func(change func(*inventory.Pool)) managers.Spec {
		other := pool
		change(&other)
		c.Inventory.Pools = []inventory.Pool{other}
		return begun(t, c, "n1")
	}
	before := with(func(*inventory.Pool) {})
	assert.NotEqual(t, before, with(func(p *inventory.Pool) { p.ReservedCPUs = "0-1" }))
	assert.NotEqual(t, before, with(func(p *inventory.Pool) {
		p.Config = map[string]any{"cpuManagerPolicyOptions": map[string]any{"full-pcpus-only": "true"}}
	}))
	assert.Equal(t, before, with(func(p *inventory.Pool) { p.SystemReserved = map[string]string{"memory": "1Gi"} }))
	assert.Equal(t, before, with(func(p *inventory.Pool) { p.Config = map[string]any{"maxPods": 9} }))
	c.Inventory.Pools = nil
	c.Inventory.Kubernetes.Kubelet = map[string]any{"cpuManagerPolicy": "static", "reservedSystemCPUs": "0"}
	assert.Equal(t, before, begun(t, c, "n1"), "however it was turned on")
}
