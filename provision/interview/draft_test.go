package interview

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/facts"
)

var update = flag.Bool("update", false, "write the golden files")

func host(address, name string, roles string) Host {
	return Host{Address: netip.MustParseAddr(address), Name: name, Master: strings.Contains(roles, "m"), Node: strings.Contains(roles, "n"), Etcd: strings.Contains(roles, "e")}
}

func full() Draft {
	d := Draft{Name: "dc1", Environment: "prod",
		Login: Login{User: "ops", Port: 2222, IdentityFile: "~/.ssh/dc${1}", Bastion: "jump@bastion.example:2022"},
		Pods:  netip.MustParsePrefix("10.128.0.0/12"), Services: netip.MustParsePrefix("10.96.0.0/16")}
	for i := 1; i <= 3; i++ {
		d.Hosts = append(d.Hosts, host(fmt.Sprintf("10.0.0.%d", 10+i), fmt.Sprintf("m%d", i), "em"))
	}
	d.Hosts = append(d.Hosts, host("10.0.0.20", "standby", "mn"))
	for i := 1; i <= 12; i++ {
		d.Hosts = append(d.Hosts, host(fmt.Sprintf("10.0.1.%d", 10+i+i/9), fmt.Sprintf("node-%02d", i), "n"))
	}
	return d
}

func TestADraftForALabHasWhatASharedKernelTakes(t *testing.T) {
	d := full()
	assert.NotContains(t, string(Render(d)), "hared kernel")
	d.SharedKernel = true
	inv, err := d.Inventory(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "cgroupfs", inv.Kubernetes.CgroupDriver)
	assert.False(t, inv.OS.ManageModules)
	assert.False(t, inv.Time.Manage)
	assert.Equal(t, 2, strings.Count(string(Render(d)), "# Shared kernel:"), "what is to be left out for real hosts is marked")
	require.NoError(t, d.Check(t.Context()))
	d.Pods, d.Services = netip.Prefix{}, netip.Prefix{}
	_, err = d.Inventory(t.Context())
	require.NoError(t, err)
}

func TestGolden(t *testing.T) {
	for name, d := range map[string]Draft{
		"full": full(),
		"one":  {Name: "lab", Environment: "test", Login: Login{User: "root", Port: 22}, Hosts: []Host{host("192.0.2.11", "master-1", "emn")}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, d.Check(t.Context()))
			file := filepath.Join("testdata", name+".hcl")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(file, Render(d), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(Render(d)))
		})
	}
}

// Any draft is what the inventory says that was made of it.
func TestAnyDraftIsReadAsItWasMeant(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		d := Draft{Name: "dc1", Login: Login{User: "ops"}}
		next := map[string]int{}
		for range 1 + r.IntN(30) {
			roles := []string{"emn", "em", "mn", "n"}[r.IntN(4)]
			prefix := []string{"m", "node-", "r1n", "x"}[r.IntN(4)]
			next[prefix] += 1 + r.IntN(5)/4
			format := []string{"%s%d", "%s%02d", "%s%d-a"}[r.IntN(3)]
			h := host("192.0.2.1", fmt.Sprintf(format, prefix, 7+next[prefix]), roles)
			if h.Address = netip.AddrFrom4([4]byte{192, 0, byte(2 + r.IntN(2)), byte(1 + r.IntN(250))}); indexOf(d.Hosts, h.Address) >= 0 {
				continue
			}
			d.Hosts = append(d.Hosts, h)
		}
		d.Hosts[0] = host("192.0.9.1", "all", "emn")
		sortHosts(d.Hosts)
		if !assert.NoError(t, d.Check(t.Context()), "%s", Render(d)) {
			return
		}
	}
}

func TestHostsAreGroupedIntoRanges(t *testing.T) {
	var hosts []Host
	for i, last := range []int{11, 12, 13, 21, 30, 31} {
		hosts = append(hosts, host(fmt.Sprintf("10.0.0.%d", last), fmt.Sprintf("n%d", 8+i), "n"))
	}
	got := group(hosts)
	require.Len(t, got, 1)
	assert.Equal(t, "n[8-13] 10.0.0.[11-13,21,30-31]", got[0].name+" "+got[0].address)
	hosts[3].Etcd = true
	assert.Len(t, group(hosts), 3, "another role is another block")
	assert.Len(t, group([]Host{host("fd00::1", "a1", "n"), host("fd00::2", "a2", "n")}), 2, "ranges count in tens")
}

func TestNamesAreUniqueAndTheHostsOwnWherePossible(t *testing.T) {
	hosts := []Host{host("10.0.0.1", "", "em"), host("10.0.0.2", "", "em"), host("10.0.0.3", "", "n"), host("10.0.0.4", "master-2", "n"), host("10.0.0.5", "", "n")}
	for i, reported := range []string{"Alpha.example.com", "debian", "twin", "x", "twin"} {
		hosts[i].Report = &Report{Hostname: reported}
	}
	nameHosts(hosts)
	var names []string
	for _, h := range hosts {
		names = append(names, h.Name)
	}
	assert.Equal(t, []string{"alpha", "master-1", "node-1", "master-2", "node-2"}, names)
	evil := []Host{host("10.0.0.1", "", "em")}
	evil[0].Report = &Report{Hostname: "a\x1b]0;x\"${file(\"/etc/shadow\")}"}
	nameHosts(evil)
	assert.Equal(t, "master-1", evil[0].Name)
}

func TestUsableAddresses(t *testing.T) {
	r := Report{Addresses: []facts.Address{{Interface: "lo", CIDR: "127.0.0.1/8"}, {Interface: "eth0", CIDR: "10.0.0.5/24"},
		{Interface: "eth1", CIDR: "fe80::1/64"}, {Interface: "cni0", CIDR: "10.32.0.1/24"}, {Interface: "eth1", CIDR: "10.1.0.5/24"}, {Interface: "eth2", CIDR: "garbage"}}}
	got := usable(r)
	require.Len(t, got, 2)
	assert.Equal(t, "10.1.0.5/24", got[1].CIDR)
}

func TestNetworksOfPodsAndServicesKeepApart(t *testing.T) {
	hosts := []netip.Prefix{netip.MustParsePrefix("10.32.0.0/16"), netip.MustParsePrefix("10.96.3.4/32")}
	pods := apart(podNetworks, hosts)
	services := apart(serviceNetworks, hosts, pods)
	assert.Equal(t, "10.128.0.0/12", pods.String())
	assert.Equal(t, "10.112.0.0/16", services.String())
	require.NoError(t, checkNetworks(pods, services, hosts))
	assert.ErrorContains(t, checkNetworks(hosts[0], hosts[0], hosts), "pods 10.32.0.0/16 and services")
}
