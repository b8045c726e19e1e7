package inventory

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const poolHosts = `
cluster "dc" { version = "1.37.1" }
host "m1" {
  address = "10.0.0.1"
  roles   = ["etcd", "master"]
}
host "n[1-2]" {
  address = "10.0.0.[11-12]"
  roles   = ["node"]
  labels  = { pool = "batch" }
}
`

func loadText(t *testing.T, text string) (*Inventory, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "i.hcl")
	require.NoError(t, os.WriteFile(file, []byte(poolHosts+text), 0o600))
	inv, problems := Load(t.Context(), Options{Paths: []string{file}, Env: os.LookupEnv})
	if err := problems.Err(); err != nil {
		return inv, err.Error()
	}
	return inv, ""
}

func TestPoolsOfHosts(t *testing.T) {
	inv, problem := loadText(t, `
kubelet "batch" {
  labels                  = { pool = "batch" }
  cpu_manager_policy      = "static"
  topology_manager_policy = "single-numa-node"
  memory_manager_policy   = "Static"
  reserved_cpus           = "0-1,8"
  reserved_memory         = { "0" = "712Mi", "1" = "256Mi" }
  system_reserved         = { memory = "512Mi" }
  kube_reserved           = { memory = "256Mi", cpu = "250m" }
  huge_pages              = { "2Mi" = 512 }
  config                  = { maxPods = 42 }
}`)
	require.Empty(t, problem)
	n1, _ := inv.Host("n1")
	pool := inv.PoolOf(n1)
	assert.Equal(t, "batch", pool.Name)
	assert.Equal(t, "static", pool.CPUManager)
	assert.Equal(t, map[string]int{"2Mi": 512}, pool.HugePages)
	assert.EqualValues(t, 42, pool.Config["maxPods"])
	m1, _ := inv.Host("m1")
	assert.Equal(t, Pool{CPUManager: "none", TopologyManager: "none", MemoryManager: "None"}, inv.PoolOf(m1), "others keep kubelet's own")
}

func TestPoolsThatCannotWork(t *testing.T) {
	const static = `cpu_manager_policy = "static"
`
	for name, test := range map[string]struct{ body, says string }{
		"static without CPUs":     {`labels = { pool = "batch" }` + "\n" + static, "No CPUs are reserved"},
		"nobody":                  {`cpu_manager_policy = "none"`, "A pool of nobody"},
		"no such policy":          {`roles = ["node"]` + "\n" + `cpu_manager_policy = "Static"`, "static"},
		"bad CPUs":                {`roles = ["node"]` + "\n" + `reserved_cpus = "3-1"`, "range of CPUs"},
		"memory for nothing":      {`roles = ["node"]` + "\n" + `reserved_memory = { "0" = "1Gi" }`, "reserved for nothing"},
		"memory not reserved":     {`roles = ["node"]` + "\n" + `memory_manager_policy = "Static"`, "Memory is not reserved"},
		"bad size of pages":       {`roles = ["node"]` + "\n" + `huge_pages = { "3Mi" = 5 }`, "size of huge pages"},
		"bad NUMA node":           {`roles = ["node"]` + "\n" + `reserved_memory = { "zero" = "1Gi" }`, "NUMA node"},
		"what cannot be reserved": {`roles = ["node"]` + "\n" + `system_reserved = { disk = "1Gi" }`, "cannot be reserved"},
		"memory does not add up": {`roles = ["node"]
  memory_manager_policy = "Static"
  reserved_memory       = { "0" = "1Gi" }
  system_reserved       = { memory = "512Mi" }
  kube_reserved         = { memory = "256Mi" }`, "It is 1024Mi, and must be 968Mi"},
		"its own threshold": {`roles = ["node"]
  memory_manager_policy = "Static"
  reserved_memory       = { "0" = "1Gi" }
  system_reserved       = { memory = "512Mi" }
  kube_reserved         = { memory = "256Mi" }
  config                = { evictionHard = { "memory.available" = "5%" } }`, "must be a size"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problem := loadText(t, "kubelet \"p\" {\n  "+test.body+"\n}\n")
			assert.Contains(t, problem, test.says)
			assert.Contains(t, problem, "i.hcl", "it says where")
		})
	}
	_, problem := loadText(t, "kubelet \"a\" { roles = [\"node\"] }\nkubelet \"b\" { labels = { pool = \"batch\" } }\n")
	assert.Contains(t, problem, "A host in two pools")
	_, problem = loadText(t, "kubelet \"a\" { roles = [\"node\"] }\nkubelet \"a\" { roles = [\"node\"] }\n")
	assert.Contains(t, problem, "Two pools of one name")
}

func TestQuantities(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "1024": 1024, "1Ki": 1024, "2Mi": 2 << 20, "3G": 3e9, "1Ti": 1 << 40} {
		got, err := parseQuantity(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, bad := range []string{"", "Mi", "-1Mi", "+1Mi", "1.5Gi", "1 Mi", "9223372036854775807Ti", "1mi"} {
		_, err := parseQuantity(bad)
		assert.Error(t, err, bad)
	}
}
