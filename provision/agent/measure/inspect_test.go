package measure

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
)

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1D0B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4001 1 0000000000000000 100 0 0 10 0
   1: 00000000:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4002 1 0000000000000000 100 0 0 10 0
   2: 0A00000A:0016 0A00000B:C350 01 00000000:00000000 00:00000000 00000000     0        0 4003 1 0000000000000000 100 0 0 10 0
   3: garbage
`

const tcp6Table = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:094B 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4004 1 0000000000000000 100 0 0 10 0
`

const udpTable = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 00000000:2118 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 0 2 0000000000000000 0
`

func fakeHost(t *testing.T, files map[string]string) *systemfake.Host {
	t.Helper()
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	for path, content := range files {
		require.NoError(t, host.Put(path, content, 0o644))
	}
	return host
}

// holds makes a process of a host hold a socket.
func holds(t *testing.T, files system.Files, pid, inode, exe string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(files.Path("/proc/"+pid+"/fd"), 0o755))
	require.NoError(t, os.Symlink("socket:["+inode+"]", filepath.Join(files.Path("/proc/"+pid+"/fd"), "7")))
	require.NoError(t, os.Symlink(exe, files.Path("/proc/"+pid+"/exe")))
}

func TestTakenPortsNameTheirHolders(t *testing.T) {
	host := fakeHost(t, map[string]string{
		"/proc/net/tcp": tcpTable, "/proc/net/tcp6": tcp6Table, "/proc/net/udp": udpTable,
		"/proc/812/comm": "nginx\n", "/proc/812/cgroup": "0::/system.slice/nginx.service\n",
		"/proc/900/comm": "3f\n", "/proc/900/cgroup": "12:pids:/x\n1:name=systemd:/user.slice/session-4.scope\n",
	})
	holds(t, host.Files, "812", "4002", "/usr/sbin/nginx")
	holds(t, host.Files, "900", "4004", system.AgentDir+"/3f")
	apiPort, balancer := api.Port{Number: 6443}, api.Port{Number: 7435, Loopback: true}
	metrics, vxlan := api.Port{Number: 2379}, api.Port{Number: 8472, UDP: true}
	got := taken(host.Files, []api.Port{apiPort, balancer, metrics, vxlan, {Number: 22}, {Number: 10250}})
	assert.ElementsMatch(t, []api.Taken{
		{Port: balancer, Address: "127.0.0.1"},
		{Port: apiPort, Address: "0.0.0.0", PID: 812, Command: "nginx", Unit: "nginx.service"},
		{Port: metrics, Address: "::1", PID: 900, Command: "3f", Unit: "session-4.scope", Agent: true},
		{Port: vxlan, Address: "0.0.0.0"},
	}, got)
}

func TestListenersElsewhereLeaveLoopbackFree(t *testing.T) {
	host := fakeHost(t, map[string]string{"/proc/net/tcp": "x\n 0: 0B00000A:1D0B 00000000:0000 0A 0:0 0:0 0 0 0 5 1\n"})
	assert.Empty(t, taken(host.Files, []api.Port{{Number: 7435, Loopback: true}}))
	assert.Len(t, taken(host.Files, []api.Port{{Number: 7435}}), 1, "a wildcard listener of ours would fail")
}

func TestSwapAreas(t *testing.T) {
	got := SwapAreas("Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 2097148 1024 -2\nbroken line\n/swap file -1 0 0\n")
	assert.Equal(t, []api.Swap{{Name: "/dev/sda2", SizeKiB: 2097148, UsedKiB: 1024}}, got)
	assert.Empty(t, SwapAreas(""))
}

func TestControllers(t *testing.T) {
	one := fakeHost(t, map[string]string{"/proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t2\t10\t1\nmemory\t0\t1\t0\npids\t4\t9\t1\n"})
	assert.Equal(t, []string{"cpu", "pids"}, controllers(one.Files))
	two := fakeHost(t, map[string]string{"/sys/fs/cgroup/cgroup.controllers": "cpuset cpu memory pids\n"})
	assert.Equal(t, []string{"cpuset", "cpu", "memory", "pids"}, controllers(two.Files))
}

const ruleset = `table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established accept
		tcp dport 22 accept
	}

	chain guard {
		tcp dport 6443 drop
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
	}
}
table ip mine {
	chain in {
		type filter hook input priority -10; policy accept;
		tcp dport { 2379, 2380-2385 } counter packets 0 bytes 0 reject
		udp dport 53 drop
		tcp dport 10000-11000 drop
		tcp dport 9 accept
	}
}
`

func TestFirewallRules(t *testing.T) {
	ports := []api.Port{{Number: 6443}, {Number: 2380}, {Number: 10250}, {Number: 9}, {Number: 53, Loopback: true}}
	closed, drops := nftRules(ruleset, ports)
	assert.Equal(t, []string{"inet filter input"}, closed)
	assert.Equal(t, []string{
		"ip mine in: tcp dport { 2379, 2380-2385 } counter packets 0 bytes 0 reject",
		"ip mine in: tcp dport 10000-11000 drop",
	}, drops, "chains that no hook enters, and ports that are not ours, do not count")

	closed, drops = iptablesRules("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 6443 -j DROP\n-A INPUT -p tcp --dport 6000:7000 -j REJECT\n-A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n", ports)
	assert.Equal(t, []string{"iptables FORWARD"}, closed)
	assert.Equal(t, []string{"iptables -A INPUT -p tcp -m tcp --dport 6443 -j DROP", "iptables -A INPUT -p tcp --dport 6000:7000 -j REJECT"}, drops)
}

func TestSpaceOfAFolderThatDoesNotExistYet(t *testing.T) {
	host := fakeHost(t, map[string]string{"/var/lib/x": ""})
	got := Space(host.Files, "/var/lib/etcd/deep")
	assert.Equal(t, "/var/lib/etcd/deep", got.Path)
	assert.Empty(t, got.Error)
	assert.Positive(t, got.Total)
	assert.NotEmpty(t, got.Type)
	assert.Equal(t, Space(host.Files, "/").Device, got.Device)
	assert.Equal(t, "/var/lib", existing(host.Files, "/var/lib/etcd/deep"))
	assert.Equal(t, "/", existing(host.Files, "/nothing/here"))
}

func FuzzProcSockets(f *testing.F) {
	f.Add(tcpTable, true)
	f.Add(tcp6Table, false)
	f.Add(udpTable, true)
	f.Fuzz(func(t *testing.T, content string, udp bool) {
		for _, s := range sockets(content, udp) {
			if !s.address.IsValid() || s.port < 0 || s.port > 65535 || s.udp != udp {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func FuzzRules(f *testing.F) {
	f.Add(ruleset)
	f.Add(":INPUT DROP [0:0]\n-A INPUT --dport 6443:6500 -j DROP\n")
	f.Fuzz(func(t *testing.T, content string) {
		ports := []api.Port{{Number: 6443}}
		nftRules(content, ports)
		iptablesRules(content, ports)
		for _, s := range SwapAreas(content) {
			if s.SizeKiB < 0 || s.UsedKiB < 0 {
				t.Fatal(s)
			}
		}
		enabledControllers(content)
		unitOf(content)
	})
}
