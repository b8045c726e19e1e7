package preflight

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/component/containerd"
	"provision/provision/component/etcd"
	"provision/provision/component/kubelet"
	"provision/provision/facts"
	"provision/provision/inventory"
)

const roomy = 100 << 30

// fit is a host without fault.
func fit(name, address string, roles ...inventory.Role) Host {
	h := Host{Host: inventory.Host{Name: name, Address: netip.MustParseAddr(address), Roles: roles}}
	h.Facts = facts.Host{
		Hostname: name, MachineID: "id of " + name, BootID: "boot of " + name, Arch: "amd64", Init: "systemd", Kernel: "6.1.0",
		OS: facts.OS{ID: "debian", Version: "12"}, CPUs: 4, MemoryKiB: 16 << 20, Cgroup: 2,
		Addresses: []facts.Address{{Interface: "lo", CIDR: "127.0.0.1/8", MTU: 65536}, {Interface: "eth0", CIDR: address + "/24", MTU: 1500}},
	}
	h.Ports = []component.Port{
		{Number: 10250, Unit: "kubelet.service", From: func(h inventory.Host) bool { return h.Has(inventory.RoleMaster) }},
		{Number: 8472, UDP: true, Unit: "flanneld.service", From: inventory.Host.Joins, Packets: true},
		{Number: 7443, Unit: "haproxy.service", Loopback: true},
	}
	if h.Has(inventory.RoleMaster) {
		h.Ports = append(h.Ports, component.Port{Number: 6443, Unit: "kube-apiserver.service", From: inventory.Host.Joins})
	}
	h.Found = &api.InspectResult{Controllers: []string{"cpu", "cpuset", "memory", "pids"}, Modules: map[string]string{"overlay": "builtin", "vxlan": "loadable"}, AvailableKiB: 8 << 20}
	for _, path := range []string{"/", "/var/lib/provision", "/var/log", "/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd"} {
		h.Found.Spaces = append(h.Found.Spaces, api.Space{Path: path, Device: "1", Type: "ext4", Total: roomy, Free: roomy / 2, Inodes: 1000, InodeFree: 900})
	}
	h.Latency = &api.LatencyResult{Writes: 200, Median: time.Millisecond, P99: 5 * time.Millisecond}
	h.Clock = &Offset{Err: time.Millisecond}
	inv := &inventory.Inventory{Etcd: inventory.Etcd{DataDir: "/var/lib/etcd", ElectionTimeout: time.Second}}
	h.Checks = component.ChecksOf(&component.Cluster{Inventory: inv, Components: []component.Component{containerd.New(), etcd.New(), kubelet.New()}}, h.Host)
	return h
}

// runs makes a host one of a working cluster.
func runs(h Host) Host {
	h.Facts.Owned.Identity = &facts.Identity{UUID: "u"}
	for _, p := range h.Ports {
		h.Facts.Owned.Resources = append(h.Facts.Owned.Resources, facts.Resource{ID: component.UnitAt("", p.Unit).ID()})
		taken := api.Taken{Port: api.Port{Number: p.Number, UDP: p.UDP}, Address: "0.0.0.0", PID: 7, Command: "x", Unit: p.Unit}
		if p.UDP {
			taken.PID, taken.Unit = 0, ""
		}
		h.Found.Taken = append(h.Found.Taken, taken)
	}
	return h
}

func input(hosts ...Host) Input {
	inv := &inventory.Inventory{Cluster: inventory.Cluster{Name: "dc1"}}
	inv.Network.Pods, inv.Network.Services = netip.MustParsePrefix("10.32.0.0/12"), netip.MustParsePrefix("10.96.0.0/16")
	inv.Etcd.DataDir, inv.Etcd.ElectionTimeout = "/var/lib/etcd", time.Second
	inv.OS = inventory.OS{Swap: "off", ManageModules: true, ManageSysctls: true}
	inv.Time.Manage = true
	for _, h := range hosts {
		inv.Hosts = append(inv.Hosts, h.Host)
	}
	return Input{Inventory: inv, Hosts: hosts}
}

func three() []Host {
	return []Host{
		fit("m1", "10.0.0.11", inventory.RoleEtcd, inventory.RoleMaster),
		fit("n1", "10.0.0.21", inventory.RoleNode), fit("n2", "10.0.0.22", inventory.RoleNode),
	}
}

func TestFitHostsAndHealthyClustersHaveNoFindings(t *testing.T) {
	assert.Empty(t, Judge(input(three()...)))
	var working []Host
	for _, h := range three() {
		working = append(working, runs(h))
	}
	assert.False(t, working[0].New())
	assert.Empty(t, Judge(input(working...)))
}

// spoil is a fault of a host, and the finding that it makes.
type spoil struct {
	title    string
	host     int
	spoil    func(h *Host, in *Input)
	severity Severity
	check    string
	says     []string // of what, why and remedy
}

func spoils() []spoil {
	disk := func(h *Host, path string, change func(*api.Space)) {
		i := slices.IndexFunc(h.Found.Spaces, func(s api.Space) bool { return s.Path == path })
		h.Found.Spaces[i].Device = "of its own"
		change(&h.Found.Spaces[i])
	}
	const m1, n1 = 0, 1
	return []spoil{
		{"another system", n1, func(h *Host, _ *Input) { h.Facts.OS = facts.OS{ID: "beos", Version: "5"} }, Error, OS, []string{"beos 5"}},
		{"another processor", n1, func(h *Host, _ *Input) { h.Facts.Arch = "riscv64" }, Error, Arch, []string{"riscv64"}},
		{"no systemd", n1, func(h *Host, _ *Input) { h.Facts.Init = "runit" }, Error, Init, []string{"runit"}},
		{"shutdown", n1, func(h *Host, _ *Input) { h.Facts.Rebooting = true }, Error, Init, []string{"shutdown -c"}},
		{"no memory", m1, func(h *Host, _ *Input) { h.Facts.MemoryKiB = 1 << 20 }, Error, Memory, []string{"1024 MiB", "1700 MiB"}},
		{"little memory", n1, func(h *Host, _ *Input) { h.Facts.MemoryKiB = 1 << 20 }, Warning, Memory, []string{"1024 MiB"}},
		{"one processor", m1, func(h *Host, _ *Input) { h.Facts.CPUs = 1 }, Warning, CPU, []string{"one processor"}},
		{"cgroup version 1", n1, func(h *Host, _ *Input) { h.Facts.Cgroup = 1 }, Error, Cgroup, []string{"failCgroupV1"}},
		{"controller", n1, func(h *Host, _ *Input) { h.Found.Controllers = []string{"cpu", "cpuset", "pids"} }, Error, Cgroup, []string{"memory", "cgroup_enable"}},
		{"module", n1, func(h *Host, _ *Input) { h.Found.Modules["vxlan"] = "absent" }, Error, Module, []string{"vxlan", "6.1.0"}},
		{"module that may not be loaded", n1, func(_ *Host, in *Input) { in.Inventory.OS.ManageModules = false }, Error, Module, []string{"vxlan", "manage_modules"}},
		{"swap", n1, func(h *Host, _ *Input) { h.Found.Swaps = []api.Swap{{Name: "/dev/sda2", SizeKiB: 9, UsedKiB: 0}} }, Warning, Swap, []string{"/dev/sda2", "apply turns it off"}},
		{"swap that is full", n1, func(h *Host, _ *Input) { h.Found.Swaps = []api.Swap{{Name: "/swap", UsedKiB: 9 << 20}} }, Error, Swap, []string{"9216 MiB", "8192 MiB"}},
		{"taken port", n1, func(h *Host, _ *Input) {
			h.Found.Taken = []api.Taken{{Port: api.Port{Number: 10250}, Address: "0.0.0.0", PID: 81, Command: "nginx", Unit: "nginx.service"}}
		}, Error, Port, []string{"port 10250 is taken by nginx (process 81 of nginx.service)", "kubelet.service needs it", "systemctl disable --now nginx.service"}},
		{"port taken by nobody", n1, func(h *Host, _ *Input) {
			h.Found.Taken = []api.Taken{{Port: api.Port{Number: 8472, UDP: true}, Address: "0.0.0.0"}}
		}, Error, Port, []string{"8472/udp", "the kernel", "ip -d link"}},
		{"port taken by another run", n1, func(h *Host, _ *Input) {
			h.Found.Taken = []api.Taken{{Port: api.Port{Number: 10250}, PID: 9, Command: "3f", Agent: true}}
		}, Warning, Port, []string{"another run"}},
		{"disk full", n1, func(h *Host, _ *Input) {
			disk(h, "/var/lib/containerd", func(s *api.Space) { s.Total, s.Free = 4<<30, 1<<30 })
		}, Error, Disk, []string{"/var/lib/containerd", "1.0 GiB free"}},
		{"disk nearly full", n1, func(h *Host, _ *Input) {
			disk(h, "/var/lib/containerd", func(s *api.Space) { s.Total, s.Free = 1000<<30, 100<<30 })
		}, Warning, Disk, []string{"10 % free", "evicts"}},
		{"inodes", n1, func(h *Host, _ *Input) { disk(h, "/var/log", func(s *api.Space) { s.InodeFree = 3 }) }, Error, Disk, []string{"3 of 1000 inodes"}},
		{"read-only", n1, func(h *Host, _ *Input) { disk(h, "/var/log", func(s *api.Space) { s.ReadOnly = true }) }, Error, Disk, []string{"read-only"}},
		{"images on overlay", n1, func(h *Host, _ *Input) {
			disk(h, "/var/lib/containerd", func(s *api.Space) { s.Type = "overlay" })
		}, Error, Disk, []string{"overlay"}},
		{"etcd on NFS", m1, func(h *Host, _ *Input) { disk(h, "/var/lib/etcd", func(s *api.Space) { s.Type = "nfs" }) }, Error, Disk, []string{"network file system"}},
		{"etcd in memory", m1, func(h *Host, _ *Input) { disk(h, "/var/lib/etcd", func(s *api.Space) { s.Type = "tmpfs" }) }, Warning, Disk, []string{"reboot"}},
		{"slow disk", m1, func(h *Host, _ *Input) { h.Latency.P99 = 40 * time.Millisecond }, Warning, Latency, []string{"40.0 ms", "10 ms"}},
		{"useless disk", m1, func(h *Host, _ *Input) { h.Latency.P99, h.Latency.Median = time.Second, 200*time.Millisecond }, Error, Latency, []string{"leader"}},
		{"useless disk of a lab", m1, func(h *Host, _ *Input) {
			h.Facts.Lab, h.Latency.P99, h.Latency.Median = "lab", time.Second, 200*time.Millisecond
		}, Warning, Latency, []string{"1000.0 ms"}},
		{"clock", n1, func(h *Host, _ *Input) { h.Clock.By = -3 * time.Second }, Warning, Clock, []string{"3s behind"}},
		{"clock an hour off", n1, func(h *Host, _ *Input) { h.Clock.By = time.Hour }, Error, Clock, []string{"1h0m0s ahead", "certificates"}},
		{"no machine-id", n1, func(h *Host, _ *Input) { h.Facts.MachineID = "" }, Error, MachineID, []string{"systemd-machine-id-setup"}},
		{"cloned", n1, func(h *Host, _ *Input) { h.Facts.MachineID = "id of n2" }, Error, MachineID, []string{"n2", "cloned"}},
		{"one machine twice", n1, func(h *Host, _ *Input) { h.Facts.MachineID, h.Facts.BootID = "id of n2", "boot of n2" }, Error, MachineID, []string{"same machine as n2"}},
		{"host name", n1, func(h *Host, _ *Input) { h.Facts.Hostname = "N2" }, Warning, Hostname, []string{"hostnamectl hostname n1"}},
		{"address of another", n1, func(h *Host, _ *Input) {
			h.Facts.Addresses = append(h.Facts.Addresses, facts.Address{Interface: "eth0:1", CIDR: "10.0.0.22/24"})
		}, Error, Address, []string{"that of n2", "ip address del 10.0.0.22/24 dev eth0:1"}},
		{"address within pods", n1, func(h *Host, _ *Input) {
			h.Facts.Addresses = append(h.Facts.Addresses, facts.Address{Interface: "docker0", CIDR: "10.33.0.1/16"})
		}, Error, Address, []string{"pods 10.32.0.0/12"}},
		{"behind a translation", n1, func(h *Host, _ *Input) { h.Facts.Addresses = h.Facts.Addresses[:1] }, Error, Address, []string{"10.0.0.21"}},
		{"forwarding closed", n1, func(h *Host, _ *Input) { h.Found.Firewall.Closed = []string{"iptables FORWARD"} }, Warning, Firewall, []string{"10.32.0.0/12"}},
		{"rule", n1, func(h *Host, _ *Input) { h.Found.Firewall.Drops = []string{"tcp dport 10250 drop"} }, Warning, Firewall, []string{"tcp dport 10250 drop"}},
		{"ufw", n1, func(h *Host, _ *Input) { h.Found.Firewall.Active = []string{"ufw"} }, Warning, Firewall, []string{"ufw", "10250, 8472/udp"}},
	}
}

func TestFindings(t *testing.T) {
	for _, c := range spoils() {
		t.Run(c.title, func(t *testing.T) {
			hosts := three()
			in := input(hosts...)
			c.spoil(&in.Hosts[c.host], &in)
			var own []Finding
			for _, f := range Judge(in) {
				assert.NotEmpty(t, f.Remedy)
				if f.Host == in.Hosts[c.host].Name {
					own = append(own, f)
				}
			}
			require.Len(t, own, 1)
			assert.Equal(t, c.severity, own[0].Severity)
			assert.Equal(t, c.check, own[0].Check)
			for _, text := range c.says {
				assert.Contains(t, own[0].What+"\n"+own[0].Why+"\n"+own[0].Remedy, text)
			}
			if c.severity == Error {
				in.Ignore = []string{c.check}
				assert.Empty(t, Refused(Judge(in), own[0].Host), "--ignore-preflight %s", c.check)
			}
		})
	}
}

func TestWhatTheInventoryAllowsIsNoFinding(t *testing.T) {
	hosts := three()
	in := input(hosts...)
	in.Inventory.OS = inventory.OS{Swap: "ignore"}
	in.Inventory.Kubernetes.Kubelet = map[string]any{"failCgroupV1": false}
	in.AllowUntestedOS = true
	for i := range in.Hosts {
		h := &in.Hosts[i]
		h.Facts.Cgroup, h.Facts.Container, h.Facts.BootID = 1, "systemd-nspawn", "one kernel"
		h.Facts.OS = facts.OS{ID: "beos"}
		h.Found.Swaps = []api.Swap{{Name: "/dev/vda2", UsedKiB: 1 << 40}}
		h.Found.Modules = map[string]string{"overlay": "loaded"}
	}
	assert.Empty(t, Judge(in), "hosts that share a kernel")
}

func TestHostsThatAreHalfWayNeedNotHaveTheRoomAgain(t *testing.T) {
	h := fit("n1", "10.0.0.21", inventory.RoleNode)
	for i := range h.Found.Spaces {
		h.Found.Spaces[i].Total, h.Found.Spaces[i].Free = 10<<30, 3<<30
	}
	assert.NotEmpty(t, Refused(Judge(input(h)), "n1"))
	h.Facts.Owned.Identity = &facts.Identity{}
	require.True(t, h.New())
	assert.Empty(t, Refused(Judge(input(h)), "n1"), "what fills the disk may be ours")
	h.Facts.Owned.Resources = []facts.Resource{{ID: component.UnitAt("", "kubelet.service").ID()}}
	h.Found.Taken = []api.Taken{{Port: api.Port{Number: 10250}, PID: 4, Command: "kubelet", Unit: "kubelet.service"}}
	assert.Empty(t, Refused(Judge(input(h)), "n1"), "its own kubelet has the port")
	h.Found.Taken[0].Unit = "other.service"
	assert.Len(t, Refused(Judge(input(h)), "n1"), 1)
}

func TestAllHostsOffByAnHourAreTheOperatorsConcern(t *testing.T) {
	hosts := three()
	for i := range hosts {
		hosts[i].Clock.By = time.Hour
	}
	got := Judge(input(hosts...))
	require.Len(t, got, 1)
	assert.Empty(t, got[0].Host)
	assert.Equal(t, Warning, got[0].Severity)
	hosts[1].Clock = &Offset{By: time.Hour + 20*time.Second, Err: 30 * time.Second}
	assert.Len(t, Judge(input(hosts...)), 1, "a slow link proves nothing")
}

func TestOfTwoClocksTheOneThatIsFurtherFromTheOperatorsIsNamed(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		hosts := three()[:2]
		hosts[1].Clock.By = by
		assert.Empty(t, Refused(Judge(input(hosts...)), hosts[0].Name), "%s", by)
		assert.NotEmpty(t, Refused(Judge(input(hosts...)), hosts[1].Name), "%s", by)
	}
}

func TestAServiceOfARunThatWasCutShortIsNotInItsOwnWay(t *testing.T) {
	h := fit("n1", "10.0.0.21", inventory.RoleNode)
	h.Found.Taken = []api.Taken{{Port: api.Port{Number: 7443}, PID: 55, Command: "haproxy", Unit: "haproxy.service"}}
	assert.NotEmpty(t, Refused(Judge(input(h)), "n1"), "somebody else's, on a bare host")
	h.Facts.Owned.Identity = &facts.Identity{}
	assert.Empty(t, Refused(Judge(input(h)), "n1"), "started at boot with our configuration, before its own step")
}

func TestServicesThatDoNotRunAreTold(t *testing.T) {
	h := runs(fit("m1", "10.0.0.11", inventory.RoleEtcd, inventory.RoleMaster))
	h.Found.Taken = slices.DeleteFunc(h.Found.Taken, func(taken api.Taken) bool { return taken.Port.Number == 6443 })
	got := Judge(input(h))
	require.Len(t, got, 1)
	assert.Contains(t, got[0].What, "nothing listens on port 6443")
}

func TestFindingsAreSortedByHostAndSeverity(t *testing.T) {
	list := Sorted([]Finding{{Host: "b", Severity: Error, Check: Disk}, {Host: "a", Severity: Warning, Check: OS}, {Host: "a", Severity: Error, Check: Reach}, {Host: "a", Severity: Error, Check: OS}})
	var order []string
	for _, f := range list {
		order = append(order, f.Host+" "+string(f.Severity)+" "+f.Check)
	}
	assert.Equal(t, "a error os, a error reach, a warning os, b error disk", strings.Join(order, ", "))
}

// What a component keeps free is asked of the file system that it fills, and of no
// other one of the host.
func TestRoomIsAskedOfTheFileSystemThatNeedsIt(t *testing.T) {
	h := fit("n1", "10.0.0.21", inventory.RoleNode)
	filling := func(path string) {
		for i, s := range h.Found.Spaces {
			if s.Path == path {
				h.Found.Spaces[i] = api.Space{Path: path, Device: path, Type: "ext4", Total: 1000 << 30, Free: 100 << 30}
			}
		}
	}
	filling("/var/log")
	assert.Empty(t, Judge(input(h)))
	filling("/var/lib/kubelet")
	assert.Len(t, Judge(input(h)), 1)
}

// Components of hosts without a kubelet need modules, too.
func TestModulesAreAskedForOnEveryHost(t *testing.T) {
	h := fit("s1", "10.0.0.31", "depot")
	h.Found.Modules = map[string]string{"loop": "absent"}
	list := Judge(input(h))
	require.Len(t, list, 1)
	assert.Equal(t, Module, list[0].Check)
	assert.Equal(t, "depot needs them", list[0].Why)
}
