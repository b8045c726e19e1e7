package inventory_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/network/flannel"
	"provision/provision/bundle/catalogue"
	"provision/provision/inventory"
)

func TestRangesExpandPairwise(t *testing.T) {
	inv := mustParse(t, `
cluster "c" {}
host "node-[01-40]" {
  address = "10.0.1.[11-50]"
  roles   = ["node"]
  labels  = { disk = "ssd" }
}
host "x[1-2,7]" {
  address = "10.0.2.[5,9-10]"
  roles   = ["node"]
}
`, sealed())
	require.Len(t, inv.Hosts, 44)
	for name, address := range map[string]string{
		"node-01": "10.0.1.11", "node-09": "10.0.1.19", "node-40": "10.0.1.50",
		"x1": "10.0.2.5", "x2": "10.0.2.9", "x7": "10.0.2.10",
	} {
		h, ok := inv.Host(name)
		require.True(t, ok, name)
		assert.Equal(t, netip.MustParseAddr(address), h.Address)
	}
	first, _ := inv.Host("node-01")
	second, _ := inv.Host("node-02")
	first.Labels["disk"] = "changed"
	assert.Equal(t, "ssd", second.Labels["disk"], "hosts of a block do not share their labels")
}

func TestDefaults(t *testing.T) {
	inv := mustParse(t, "cluster \"c\" {}\n", sealed())
	for _, family := range catalogue.Default().Families() {
		assert.NotEmpty(t, family.Default, family.Name)
		for _, artifact := range family.Artifacts {
			version, err := inv.Version(artifact)
			require.NoError(t, err)
			assert.Equal(t, family.Default, version, artifact)
		}
	}
	assert.Equal(t, "root", inv.SSH.User)
	assert.Equal(t, 22, inv.SSH.Port)
	assert.False(t, inv.SSH.Sudo)
	assert.Equal(t, 10*time.Second, inv.SSH.ConnectTimeout)
	assert.Equal(t, 24, inv.Network.NodePrefix)
	assert.Equal(t, "cluster.local", inv.Network.DNSDomain)
	assert.Equal(t, "nftables", inv.Network.ProxyMode)
	assert.Nil(t, inv.Network.ProxyConntrackMin)
	assert.Equal(t, "flannel", inv.Network.Plugin.Name)
	assert.Equal(t, flannel.Settings{Backend: "vxlan", Port: 8472, VNI: 1}, inv.Settings["flannel"])
	assert.Equal(t, "systemd", inv.Kubernetes.CgroupDriver)
	assert.Equal(t, inventory.AuditLog{MaxAgeDays: 30, MaxBackups: 10, MaxSizeMB: 100}, inv.Kubernetes.AuditLog)
	assert.Equal(t, int64(8<<30), inv.Etcd.QuotaBytes)
	assert.Equal(t, time.Second, inv.Etcd.ElectionTimeout)
	assert.True(t, inv.Time.Manage)
	assert.True(t, inv.OS.ManageModules && inv.OS.ManageSysctls)
	assert.Equal(t, "off", inv.OS.Swap)
	assert.Equal(t, inventory.Journal{MaxUse: "1G", KeepFree: "1G"}, inv.OS.Journal)
	assert.Equal(t, 10*365*24*time.Hour, inv.PKI.CALife)
	assert.Len(t, inv.Digest.Reveal(), 64)
}

func TestFilesOfAFolderAreOneBody(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("a.hcl", "cluster \"c\" { site = local.site }\n")
	write("b.hcl", "locals { site = \"s\" }\n"+host)
	write("ignored.txt", "not HCL {")
	inv := load(t, inventory.Options{Paths: []string{dir}})
	assert.Equal(t, "s", inv.Cluster.Site)

	write("c.hcl", "cluster \"d\" {}\n")
	_, list := inventory.Load(t.Context(), inventory.Options{Paths: []string{dir}})
	require.Len(t, list, 1)
	require.Len(t, list[0].Places, 2, "both places are named")
	assert.Equal(t, filepath.Join(dir, "c.hcl"), list[0].Places[0].Range.Filename)
	assert.Equal(t, filepath.Join(dir, "a.hcl"), list[0].Places[1].Range.Filename)
}

func TestPathFromTheEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "i.hcl")
	require.NoError(t, os.WriteFile(path, []byte("cluster \"c\" {}\n"+host), 0o600))
	load(t, inventory.Options{Env: func(name string) (string, bool) { return path, name == "PROVISION_INVENTORY" }})
}

func TestMissingFilesAndFolders(t *testing.T) {
	_, list := inventory.Load(t.Context(), inventory.Options{Paths: []string{filepath.Join(t.TempDir(), "none.hcl"), t.TempDir(), os.DevNull}})
	text := printed(t, list)
	assert.Contains(t, text, "no such file")
	assert.Contains(t, text, "There is no *.hcl in")
	assert.Contains(t, text, "not a regular file")
}

func TestHostsInAnyOrderAreTheSameInventory(t *testing.T) {
	a := mustParse(t, "cluster \"c\" {}\nhost \"b\" {\n address = \"10.0.0.2\"\n roles = [\"node\", \"master\"]\n}\n", sealed())
	assert.Equal(t, "a", a.Hosts[0].Name)
	assert.Equal(t, "b", a.Hosts[1].Name)
	assert.True(t, a.Hosts[1].Has(inventory.RoleMaster))
}

func TestManyHostsAreCheckedQuickly(t *testing.T) {
	var b strings.Builder
	b.WriteString("cluster \"c\" {}\nnetwork { pods = \"10.128.0.0/10\" }\n")
	for i := range 40 {
		fmt.Fprintf(&b, "host \"n%d-[1-240]\" {\n address = \"10.0.%d.[1-240]\"\n roles = [\"node\"]\n}\n", i, i+1)
	}
	began := time.Now()
	inv := mustParse(t, b.String(), sealed())
	assert.Len(t, inv.Hosts, 9601)
	assert.Less(t, time.Since(began), time.Minute)

	b.WriteString("host \"more-[1-1000]\" {\n address = \"10.1.0.[1-1000]\"\n roles = [\"node\"]\n}\n")
	_, list := parse(t, b.String(), sealed())
	assert.Contains(t, printed(t, list), "at most 10000 hosts")
}

func TestIPv6(t *testing.T) {
	inv := mustParse(t, "cluster \"c\" {}\nnetwork {\n pods = \"fd00:1::/48\"\n services = \"fd00:2::/112\"\n}\n", sealed())
	assert.Equal(t, 64, inv.Network.NodePrefix)
	assert.Equal(t, netip.MustParseAddr("fd00:2::a"), inv.Network.DNSAddress)
}

func TestBastionsKeepTheirOrder(t *testing.T) {
	inv := mustParse(t, `
cluster "c" {}
ssh {
  user         = "ops"
  password_env = "PW"
  bastion { address = "z.example" }
  bastion {
    address = "a.example"
    user    = "jump"
  }
}
`, sealed())
	require.Len(t, inv.SSH.Bastions, 2)
	assert.Equal(t, inventory.Bastion{Address: "z.example", Port: 22, User: "ops"}, inv.SSH.Bastions[0])
	assert.Equal(t, "jump", inv.SSH.Bastions[1].User)
	assert.True(t, inv.SSH.Sudo)
	assert.Equal(t, "PW", inv.SSH.SudoPasswordEnv)
}

func TestFunctions(t *testing.T) {
	for expr, want := range map[string]string{
		`cidrhost("10.0.0.0/24", 5)`:                         "10.0.0.5",
		`cidrhost("10.0.0.0/24", -1)`:                        "10.0.0.255",
		`cidrhost("fd00::/64", 10)`:                          "fd00::a",
		`cidrnetmask("10.0.0.0/20")`:                         "255.255.240.0",
		`cidrsubnet("10.0.0.0/8", 8, 3)`:                     "10.3.0.0/16",
		`join(" ", cidrsubnets("10.0.0.0/8", 8, 8, 1))`:      "10.0.0.0/16 10.1.0.0/16 10.128.0.0/9",
		`format("%03d-%s", 7, upper("a"))`:                   "007-A",
		`join(",", [for x in range(3) : "n${x}" if x != 1])`: "n0,n2",
		`{ a = "x", (upper("b")) = "y" }.B`:                  "y",
		`join("", [{ n = "p" }, { n = "q" }][*].n)`:          "pq",
		`jsonencode(merge({ a = 1 }, { b = [true, null] }))`: `{"a":1,"b":[true,null]}`,
		`true ? lookup({ k = "v" }, "k", "") : "w"`:          "v",
		`replace("a-b-c", "-", ".")`:                         "a.b.c",
	} {
		inv := mustParse(t, "cluster \"c\" {\n  environment = "+expr+"\n}\n", sealed())
		assert.Equal(t, want, inv.Cluster.Environment, expr)
	}
}
