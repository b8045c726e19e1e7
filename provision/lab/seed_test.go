package lab

import (
	"context"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"provision/provision/inventory"
)

func testSeed(t *testing.T, address string, users ...string) seed {
	t.Helper()
	key, err := newKeyPair("root@m1")
	require.NoError(t, err)
	a := netip.MustParseAddr(address)
	subnets, err := planSubnets([]netip.Addr{a}, nil)
	require.NoError(t, err)
	return seed{Lab: "dev", Host: hostState{Name: "m1", Address: a, Port: 2222, MachineID: "0123"}, Users: users,
		Subnet: subnets[0], HostKey: key, Authorized: "ssh-ed25519 AAAA client",
		CgroupV1: []hierarchy{{"/sys/fs/cgroup/memory", "memory"}},
		Accounts: accounts{passwd: "root:x:0:0::/root:/bin/bash\n", group: "root:x:0:\n", shadow: "root:*:1::::::\n"}}
}

func find(t *testing.T, files []seedFile, path string) seedFile {
	t.Helper()
	for _, f := range files {
		if f.Path == path {
			return f
		}
	}
	t.Fatalf("no %s among the host's files", path)
	return seedFile{}
}

func TestSeedMarksAndNamesTheHost(t *testing.T) {
	files := testSeed(t, "10.88.0.11", "root").files()
	assert.Equal(t, "dev\n", find(t, files, "/etc/provision-lab").Data)
	assert.Equal(t, "m1\n", find(t, files, "/etc/hostname").Data)
	assert.Contains(t, find(t, files, "/etc/ssh/sshd_config.d/lab.conf").Data, "Port 2222\n")
	assert.EqualValues(t, 0o600, find(t, files, "/etc/ssh/ssh_host_ed25519_key").Mode)
	unit := find(t, files, unitPath).Data
	assert.Contains(t, unit, "ExecStart=ip address add 10.88.0.11/24 dev host0\n")
	assert.Contains(t, unit, "ExecStart=ip route add default via 10.88.0.1 dev host0\n")
	assert.Contains(t, unit, "ExecStart=mount -o remount,bind,rw /sys/fs/cgroup/memory\n")
	for _, f := range files {
		assert.NotEqual(t, "/etc/passwd", f.Path, "root needs no account")
	}
}

func TestSeedOfAnIPv6HostSkipsDuplicateDetection(t *testing.T) {
	unit := find(t, testSeed(t, "fd00::11", "root").files(), unitPath).Data
	assert.Contains(t, unit, "ip address add fd00::11/64 dev host0 nodad\n")
}

func TestSeedGivesOtherUsersSudoAndNoPassword(t *testing.T) {
	files := testSeed(t, "10.88.0.11", "admin", "ops", "root").files()
	passwd := find(t, files, "/etc/passwd").Data
	assert.True(t, strings.HasPrefix(passwd, "root:x:0:"))
	assert.Contains(t, passwd, "admin:x:1000:1000::/home/admin:/bin/bash\n")
	assert.Contains(t, passwd, "ops:x:1001:1001::/home/ops:/bin/bash\n")
	assert.Contains(t, find(t, files, "/etc/shadow").Data, "ops:*:")
	assert.Equal(t, "ops ALL=(ALL:ALL) NOPASSWD: ALL\n", find(t, files, "/etc/sudoers.d/lab-ops").Data)
	key := find(t, files, "/home/ops/.ssh/authorized_keys")
	assert.Equal(t, 1001, key.Owner)
	assert.EqualValues(t, 0o600, key.Mode)
}

func TestWriteSeed(t *testing.T) {
	root := t.TempDir()
	files := []seedFile{
		{Path: "/root/.ssh", Mode: fs.ModeDir | 0o700},
		{Path: "/root/.ssh/k", Mode: 0o600, Data: "x"},
		{Path: "/etc/ro", Mode: 0o444, Data: "y"},
		{Path: "/etc/link", Mode: fs.ModeSymlink, Target: "/etc/ro"},
	}
	require.NoError(t, writeSeed(root, files))
	for path, mode := range map[string]fs.FileMode{"root/.ssh": fs.ModeDir | 0o700, "root/.ssh/k": 0o600, "etc/ro": 0o444} {
		info, err := os.Stat(filepath.Join(root, path))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode(), path)
	}
	target, err := os.Readlink(filepath.Join(root, "etc/link"))
	require.NoError(t, err)
	assert.Equal(t, "/etc/ro", target)
	assert.ErrorContains(t, writeSeed(root, files[3:]), "writing /etc/link of the host")
}

func TestKeysAndKnownHosts(t *testing.T) {
	key, err := newKeyPair("c")
	require.NoError(t, err)
	signer, err := ssh.ParsePrivateKey(key.Private)
	require.NoError(t, err)
	assert.Equal(t, key.Public, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))))

	path := filepath.Join(t.TempDir(), "known_hosts")
	hosts := []hostState{{Name: "m1", Address: netip.MustParseAddr("127.0.0.1"), Port: 22, HostKey: key.Public},
		{Name: "m2", Address: netip.MustParseAddr("fd00::2"), Port: 2222, HostKey: key.Public}}
	require.NoError(t, os.WriteFile(path, knownHosts(hosts), 0o600))
	check, err := knownhosts.New(path)
	require.NoError(t, err)
	for _, addr := range []string{"127.0.0.1:22", "m1:22", "[fd00::2]:2222", "m2:2222"} {
		assert.NoError(t, check(addr, fakeAddr(addr), signer.PublicKey()), addr)
	}
	assert.Error(t, check("m2:22", fakeAddr("m2:22"), signer.PublicKey()))
}

type fakeAddr string

func (fakeAddr) Network() string  { return "tcp" }
func (a fakeAddr) String() string { return string(a) }

func testInventory() *inventory.Inventory {
	return &inventory.Inventory{Cluster: inventory.Cluster{Name: "dev"}, SSH: inventory.SSH{User: "ops", Port: 2200},
		Hosts: []inventory.Host{{Name: "m1", Address: netip.MustParseAddr("10.88.0.11")},
			{Name: "n1", Address: netip.MustParseAddr("10.88.1.21"), User: "admin", Port: 22}}}
}

func TestNewLabTakesHostsOverSSHDefaults(t *testing.T) {
	o := Options{Inventory: testInventory(), StateDir: t.TempDir(), CacheDir: t.TempDir()}
	require.NoError(t, o.complete())
	assert.Equal(t, "dev", o.Name)
	l, keys, err := newLab(o, "/rootfs", nil)
	require.NoError(t, err)
	require.Len(t, keys, 2)
	hosts := l.Hosts()
	assert.Equal(t, "ops", hosts[0].User)
	assert.Equal(t, 2200, hosts[0].Port)
	assert.Equal(t, "admin", hosts[1].User)
	assert.Equal(t, 22, hosts[1].Port)
	assert.NotEqual(t, hosts[0].HostKey, hosts[1].HostKey)
	assert.Len(t, l.state.Subnets, 2)
	assert.Equal(t, []string{"admin", "ops"}, l.users())

	cmd, err := l.SSH(t.Context(), "m1", "uptime", "-p")
	require.NoError(t, err)
	joined := strings.Join(cmd.Args, " ")
	assert.Contains(t, joined, "StrictHostKeyChecking=yes")
	assert.True(t, strings.HasSuffix(joined, "-p 2200 ops@10.88.0.11 -- uptime -p"), joined)
	for _, enter := range []func(context.Context, string, ...string) (*exec.Cmd, error){l.SSH, l.Console} {
		_, err = enter(t.Context(), "nobody")
		require.ErrorContains(t, err, "cannot find host")
	}
}

func TestOptionsRefuseWhatCannotBeDone(t *testing.T) {
	assert.ErrorContains(t, (&Options{}).complete(), "has no hosts")
	assert.ErrorContains(t, (&Options{Inventory: testInventory(), Kind: "cloud"}).complete(), `kind "cloud"`)
	assert.ErrorContains(t, (&Options{Inventory: testInventory(), VMs: []string{"nobody"}}).complete(), "no such host")
	assert.ErrorContains(t, (&Options{Inventory: testInventory(), Disks: []Disk{{Host: "nobody", Path: "/", Size: 1 << 30}}}).complete(), "no host")
	assert.ErrorContains(t, (&Options{Inventory: testInventory(), Disks: []Disk{{Path: "/", Size: 1}}}).complete(), "16 MiB is the least")
	vm := Options{Inventory: testInventory(), VMs: []string{"m1"}, Disks: []Disk{{Host: "m1", Path: "/var", Size: 1 << 30}}}
	assert.ErrorContains(t, vm.complete(), "has one disk")
	assert.ErrorContains(t, (&Options{Inventory: testInventory(), Machine: Machine{Memory: 12}}).complete(), "at least")
	assert.ErrorContains(t, (&Options{Inventory: testInventory(), Name: "../x"}).complete(), "cannot use")
}

func TestOpenAndListWithoutLabs(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenIn(dir, "dev")
	assert.ErrorContains(t, err, "it is not up; run provision lab up")
	names, err := ListIn(filepath.Join(dir, "none"))
	assert.NoError(t, err)
	assert.Empty(t, names)
	assert.NoError(t, DownIn(t.Context(), dir, "dev"), "down of nothing is no error")
}
