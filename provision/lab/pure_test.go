package lab

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/proc"
)

func TestNamesDifferPerFolderAndFitTheKernel(t *testing.T) {
	a, b, c := labID("/var/lib/x", "dev"), labID("/var/lib/x", "dev2"), labID("/var/lib/y", "dev")
	assert.NotEqual(t, a, b)
	assert.NotEqual(t, a, c)
	assert.Equal(t, a, labID("/var/lib/x/", "dev"), "a lab is found again")
	assert.Less(t, len(bridgeName(a)), 16)
	assert.Less(t, len(linkName(machineName(99_999_999))), 16)
}

func TestCheckName(t *testing.T) {
	for _, good := range []string{"dev", "dc1", "a.b-c_d", "1"} {
		assert.NoError(t, checkName(good), good)
	}
	for _, bad := range []string{"", ".", "..", "a/b", "../etc", ".hidden", "-x", "a b", "a\x00", strings.Repeat("a", 64)} {
		assert.ErrorContains(t, checkName(bad), "cannot use", bad)
	}
}

func addrs(s ...string) []netip.Addr {
	var a []netip.Addr
	for _, x := range s {
		a = append(a, netip.MustParseAddr(x))
	}
	return a
}

func TestPlanSubnets(t *testing.T) {
	tests := map[string]struct {
		hosts, taken []string
		want         []string // prefix, gateway
	}{
		"one":                    {hosts: []string{"10.0.0.11", "10.0.0.12"}, want: []string{"10.0.0.0/24 10.0.0.1"}},
		"two, sorted":            {hosts: []string{"10.0.1.1", "10.0.0.2"}, want: []string{"10.0.0.0/24 10.0.0.1", "10.0.1.0/24 10.0.1.2"}},
		"gateway avoids hosts":   {hosts: []string{"10.0.0.1", "10.0.0.2"}, want: []string{"10.0.0.0/24 10.0.0.3"}},
		"gateway avoids the VIP": {hosts: []string{"10.0.0.9"}, taken: []string{"10.0.0.1"}, want: []string{"10.0.0.0/24 10.0.0.2"}},
		"IPv6":                   {hosts: []string{"fd00::11", "fd00::12"}, want: []string{"fd00::/64 fd00::1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			subnets, err := planSubnets(addrs(tt.hosts...), addrs(tt.taken...))
			require.NoError(t, err)
			var got []string
			for _, s := range subnets {
				got = append(got, s.Prefix.String()+" "+s.Gateway.String())
			}
			assert.Equal(t, tt.want, got)
			for _, h := range addrs(tt.hosts...) {
				s, ok := subnetOf(subnets, h)
				assert.True(t, ok)
				assert.True(t, s.Prefix.Contains(s.Gateway))
			}
		})
	}
}

func TestPlanSubnetsRefusesAFullSubnet(t *testing.T) {
	var all []netip.Addr
	for a := netip.MustParseAddr("10.0.0.1"); a != netip.MustParseAddr("10.0.0.255"); a = a.Next() {
		all = append(all, a)
	}
	_, err := planSubnets(all, nil)
	assert.ErrorContains(t, err, "cannot find a gateway address in 10.0.0.0/24")
}

func TestArgvKeepsTheMachinesClockAndModules(t *testing.T) {
	argv := nspawn{Root: "/r", Machine: "h0", Hostname: "m1", Bridge: "lab1", DataDir: "/d", Devices: []string{"/dev/kmsg"}}.argv()
	for _, want := range []string{"--drop-capability=CAP_SYS_TIME,CAP_SYS_MODULE", "--network-bridge=lab1", "--hostname=m1",
		"--directory=/r", "--bind=/d/etcd:/var/lib/etcd", "--bind=/d/kubelet:/var/lib/kubelet",
		"--bind=/d/containerd:/var/lib/containerd", "--bind=/dev/kmsg"} {
		assert.Contains(t, argv, want)
	}
}

func TestCgroupsFromTheMountTable(t *testing.T) {
	const (
		v1 = "33 24 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n" +
			"34 24 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n" +
			"35 24 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd\n"
		v2     = "36 24 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
		nested = "37 24 0:29 /docker/x /mnt/memory rw - cgroup cgroup rw,memory\n" // not its root
		other  = "22 27 0:21 / /proc rw,relatime - proc proc rw\nnonsense\n\n"
	)
	c := parseCgroups([]byte(other + v1 + nested + v2))
	assert.Equal(t, cgroups{V2: "/sys/fs/cgroup/unified", V1: []hierarchy{{"/sys/fs/cgroup/memory", "memory"},
		{"/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct"}, {"/sys/fs/cgroup/systemd", "name=systemd"}}}, c)
	assert.False(t, c.unified())
	assert.Len(t, c.roots(), 4)
	assert.False(t, parseCgroups([]byte(v1)).unified())
	assert.True(t, parseCgroups([]byte(v2)).unified())
	assert.Zero(t, parseCgroups([]byte(other)))
}

func FuzzParseCgroups(f *testing.F) {
	f.Add([]byte("33 24 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"))
	f.Fuzz(func(_ *testing.T, data []byte) { parseCgroups(data) })
}

func TestAProcessIsItsPidAndItsStart(t *testing.T) {
	st, err := proc.ReadStat(os.Getpid())
	require.NoError(t, err)
	assert.True(t, process{PID: st.PID, Start: st.Start}.alive())
	assert.False(t, process{PID: st.PID, Start: st.Start + 1}.alive(), "a reused pid")
	assert.False(t, process{}.alive())
}

func TestIsInit(t *testing.T) {
	assert.True(t, isInit([]byte("Name:\tsystemd\nNSpid:\t4711\t1\n")))
	assert.False(t, isInit([]byte("NSpid:\t4711\t17\n")))
	assert.False(t, isInit([]byte("NSpid:\t1\n")), "the machine's own init")
	assert.False(t, isInit(nil))
}

func TestParseSwaps(t *testing.T) {
	data := "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" +
		"/dev/sda2                               partition\t8388604\t\t0\t\t-2\n/my\\040file file 1 0 5\n"
	assert.Equal(t, []swap{{"/dev/sda2", -2}, {"/my file", 5}}, parseSwaps(data))
	assert.Empty(t, parseSwaps(""))
}

func TestStateSurvivesSavingAndRefusesANewerOne(t *testing.T) {
	dir := t.TempDir()
	s := &state{Version: stateVersion, Name: "dev", ID: "0011", Hosts: []hostState{{Name: "m1", Kind: Container,
		Address: netip.MustParseAddr("10.0.0.1"), Process: process{PID: 7, Start: 9}}}}
	require.NoError(t, s.save(dir))
	got, err := loadState(dir)
	require.NoError(t, err)
	assert.Equal(t, s, got)
	_, err = got.host("m2")
	assert.ErrorContains(t, err, `cannot find host "m2"`)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 1, "no temporary file is left")
	info, err := os.Stat(statePath(dir))
	require.NoError(t, err)
	assert.EqualValues(t, 0o600, info.Mode().Perm())

	_, err = decodeState([]byte(`{"version": 99, "name": "dev"}`))
	assert.ErrorContains(t, err, "a newer provision made it")
	_, err = decodeState([]byte(`{`))
	assert.ErrorContains(t, err, "decoding the lab's state")
}

func TestRootfsIsNamedAfterItsInputs(t *testing.T) {
	a, b := rootfsPath("/c", Container, "bookworm"), rootfsPath("/c", Container, "trixie")
	assert.True(t, strings.HasPrefix(a, "/c/lab/rootfs-bookworm-"))
	assert.NotEqual(t, filepath.Base(a)[len("rootfs-bookworm-"):], filepath.Base(b)[len("rootfs-trixie-"):])
	for _, pkg := range []string{"haproxy", "nftables", "chrony", "containerd"} {
		assert.NotContains(t, packages, pkg, "provision must install it itself")
	}
}

func TestTail(t *testing.T) {
	assert.Equal(t, "b\nc", tail([]byte("a\nb\nc\n"), 2))
	assert.Equal(t, "a", tail([]byte("a"), 2))
	assert.Equal(t, "[  OK  ] Finished Rem…s.\nb", tail([]byte("x\n\x1b]0;title\a[\x1b[0;32m  OK  \x1b[0m] Finished Rem…s\xe2\x80.\r\nb\x07\r\n"), 2),
		"what only a terminal understands, and halves of letters")
}

func TestMissingPackages(t *testing.T) {
	assert.Empty(t, missing(tools[:], func(string) (string, error) { return "/bin/x", nil }))
	got := missing(tools[:], func(c string) (string, error) {
		if c == "mmdebstrap" {
			return "", os.ErrNotExist
		}
		return "/bin/x", nil
	})
	assert.Equal(t, []string{"mmdebstrap"}, got)
}

func TestDialNeedsALiteralAddress(t *testing.T) {
	assert.NoError(t, literal("10.0.0.1:22"))
	assert.NoError(t, literal("[fd00::1]:22"))
	assert.ErrorContains(t, literal("m1:22"), "give an IP address")
	assert.Error(t, literal("10.0.0.1"))
}
