//go:build lab

package lab

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/sys/unix"

	"provision/provision/inventory"
)

// inventoryOf makes hosts of NAME, ADDRESS pairs.
func inventoryOf(user string, pairs ...string) *inventory.Inventory {
	inv := &inventory.Inventory{Cluster: inventory.Cluster{Name: "test"}, SSH: inventory.SSH{User: user}}
	for i := 0; i < len(pairs); i += 2 {
		inv.Hosts = append(inv.Hosts, inventory.Host{Name: pairs[i], Address: netip.MustParseAddr(pairs[i+1])})
	}
	return inv
}

// upTest boots a lab in a folder of the test's own and takes it down with it.
func upTest(t *testing.T, name string, inv *inventory.Inventory) *Lab {
	t.Helper()
	require.Zero(t, os.Geteuid(), "these tests boot hosts: run them as root")
	dir := t.TempDir()
	t.Cleanup(func() { assert.NoError(t, DownIn(context.WithoutCancel(t.Context()), dir, name)) })
	l, err := Up(t.Context(), Options{Inventory: inv, Name: name, StateDir: dir, Progress: func(s string) { t.Log(s) }})
	require.NoError(t, err)
	return l
}

// sshTo logs in as the host's user, with the lab's key and pins.
func sshTo(ctx context.Context, l *Lab, h Host) (*ssh.Client, error) {
	key, err := os.ReadFile(l.SSHFiles().Key)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return nil, err
	}
	check, err := knownhosts.New(l.SSHFiles().KnownHosts)
	if err != nil {
		return nil, err
	}
	addr := netip.AddrPortFrom(h.Address, uint16(h.Port)).String()
	conn, err := l.Dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c, chans, reqs, err := ssh.NewClientConn(conn, addr, &ssh.ClientConfig{User: h.User, HostKeyCallback: check,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, Timeout: 10 * time.Second})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return ssh.NewClient(c, chans, reqs), nil
}

func overSSH(t *testing.T, l *Lab, h Host, command string) string {
	t.Helper()
	client, err := sshTo(t.Context(), l, h)
	require.NoError(t, err)
	defer client.Close()
	session, err := client.NewSession()
	require.NoError(t, err)
	defer session.Close()
	out, err := session.CombinedOutput(command)
	require.NoError(t, err, "%s: %s", command, out)
	return string(bytes.TrimSpace(out))
}

func inHost(t *testing.T, l *Lab, host string, argv ...string) string {
	t.Helper()
	out, err := l.Exec(t.Context(), host, argv...)
	require.NoError(t, err)
	return out
}

func TestHostsAreRealAndIsolated(t *testing.T) {
	l := upTest(t, "real", inventoryOf("ops", "a1", "10.91.1.11", "b1", "10.91.2.11"))
	a, b := l.Hosts()[0], l.Hosts()[1]

	t.Run("SSH and sudo as the inventory's user", func(t *testing.T) {
		assert.Equal(t, "ops 0", overSSH(t, l, a, "echo $(id -un) $(sudo -n id -u)"))
		assert.Equal(t, "b1", overSSH(t, l, b, "hostname"))
		assert.Equal(t, "running", overSSH(t, l, a, "systemctl is-system-running"))
	})
	t.Run("a host is itself", func(t *testing.T) {
		assert.Equal(t, "real", inHost(t, l, "a1", "cat", "/etc/provision-lab"))
		assert.NotEqual(t, inHost(t, l, "a1", "cat", "/etc/machine-id"), inHost(t, l, "b1", "cat", "/etc/machine-id"))
		assert.NotEqual(t, a.HostKey, b.HostKey)
		assert.Equal(t, inHost(t, l, "a1", "cat", "/etc/machine-id"), inHost(t, l, "a1", "ls", "/var/log/journal"))
	})
	t.Run("subnets reach each other", func(t *testing.T) {
		assert.Contains(t, inHost(t, l, "a1", "bash", "-c", "exec 3<>/dev/tcp/10.91.2.11/22; head -c 8 <&3"), "SSH-2.0-")
	})
	t.Run("nothing leads out, and it says so at once", func(t *testing.T) {
		begin := time.Now()
		for _, host := range []string{"192.0.2.1", "no-such-name.example"} {
			_, err := l.Exec(t.Context(), "a1", "bash", "-c", "exec 3<>/dev/tcp/"+host+"/80")
			assert.Error(t, err, host)
		}
		assert.Less(t, time.Since(begin), 10*time.Second)
	})
	t.Run("the machine's clock and modules are not the host's", func(t *testing.T) {
		// By the capabilities, never by trying: a failure would set the clock.
		const forbidden = 1<<unix.CAP_SYS_TIME | 1<<unix.CAP_SYS_MODULE
		for _, field := range []string{"CapEff:", "CapPrm:", "CapBnd:"} {
			const print = "awk -v f=%s '$1 == f {print $2}' /proc/%s/status"
			for _, text := range []string{
				inHost(t, l, "a1", "sh", "-c", fmt.Sprintf(print, field, "1")),
				inHost(t, l, "a1", "sh", "-c", fmt.Sprintf(print, field, "self")),
				overSSH(t, l, a, "sudo "+fmt.Sprintf(print, field, "self")),
			} {
				caps, err := strconv.ParseUint(text, 16, 64)
				require.NoError(t, err)
				assert.NotZero(t, caps)
				assert.Zero(t, caps&forbidden, field)
			}
		}
	})
	t.Run("what Kubernetes needs is allowed", func(t *testing.T) {
		inHost(t, l, "a1", "sysctl", "-w", "net.ipv4.ip_forward=1")
		assert.Equal(t, "0", inHost(t, l, "b1", "cat", "/proc/sys/net/ipv4/ip_forward"), "of one host only")
		inHost(t, l, "a1", "ip", "link", "add", "vx0", "type", "vxlan", "id", "1", "dstport", "8472", "local", "10.91.1.11", "dev", "host0")
		inHost(t, l, "a1", "sh", "-ec", "cd /var/lib/containerd; mkdir l u w m; mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m; touch m/x; umount m; ls u/x")
		inHost(t, l, "a1", "sh", "-ec", "for d in /sys/fs/cgroup/memory /sys/fs/cgroup/systemd /sys/fs/cgroup; do if [ -w $d ]; then mkdir $d/probe; rmdir $d/probe; exit 0; fi; done; exit 1")
		inHost(t, l, "a1", "test", "-c", "/dev/kmsg")
	})
	t.Run("the OpenSSH command line works", func(t *testing.T) {
		cmd, err := l.SSH(t.Context(), "b1", "cat", "/etc/hostname")
		require.NoError(t, err)
		assert.Equal(t, "b1", string(bytes.TrimSpace(run(t, cmd.Args...))))
	})
	t.Run("listening in the lab", func(t *testing.T) {
		ln, err := l.Listen(t.Context(), "tcp", "10.91.1.1:0")
		require.NoError(t, err)
		defer ln.Close()
		port := netip.MustParseAddrPort(ln.Addr().String()).Port()
		go func() {
			if c, err := ln.Accept(); err == nil {
				_, _ = c.Write([]byte("hello\n"))
				c.Close()
			}
		}()
		got := inHost(t, l, "b1", "bash", "-c", "exec 3<>/dev/tcp/10.91.1.1/"+itoa(port)+"; cat <&3")
		assert.Equal(t, "hello", got)
	})
}

func TestPower(t *testing.T) {
	l := upTest(t, "power", inventoryOf("root", "p1", "10.91.3.11", "p2", "10.91.3.12"))
	ctx := t.Context()
	for _, path := range []string{"/root/kept", "/var/lib/etcd/kept"} {
		inHost(t, l, "p1", "touch", path)
	}
	inHost(t, l, "p1", "touch", "/run/lost")
	boot := inHost(t, l, "p1", "cat", "/proc/sys/kernel/random/boot_id")

	require.NoError(t, l.PowerCut(ctx, "p1"))
	assert.False(t, l.Hosts()[0].On)
	assert.True(t, l.Hosts()[1].On, "the other host does not notice")
	_, err := l.Exec(ctx, "p1", "true")
	assert.ErrorContains(t, err, "the host is off")
	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	_, err = l.Dial(short, "tcp", "10.91.3.11:22")
	cancel()
	assert.Error(t, err)
	require.NoError(t, l.PowerCut(ctx, "p1"), "cutting twice is no error")

	require.NoError(t, l.PowerOn(ctx, "p1"))
	inHost(t, l, "p1", "ls", "/root/kept", "/var/lib/etcd/kept")
	_, err = l.Exec(ctx, "p1", "ls", "/run/lost")
	assert.Error(t, err, "what was in memory is gone")
	again := inHost(t, l, "p1", "cat", "/proc/sys/kernel/random/boot_id")
	assert.NotEqual(t, boot, again)

	// A reboot from inside needs nobody outside.
	overSSH(t, l, l.Hosts()[0], "systemctl reboot")
	require.Eventually(t, func() bool {
		id, err := l.Exec(ctx, "p1", "cat", "/proc/sys/kernel/random/boot_id")
		if err != nil || id == again {
			return false
		}
		c, err := sshTo(ctx, l, l.Hosts()[0])
		return err == nil && c.Close() == nil
	}, 3*time.Minute, 100*time.Millisecond)

	// Up of a lab that is up switches on what is off, and refuses other hosts.
	require.NoError(t, l.PowerCut(ctx, "p2"))
	o := Options{Inventory: inventoryOf("root", "p1", "10.91.3.11", "p2", "10.91.3.12"), Name: "power", StateDir: filepath.Dir(l.Dir())}
	up, err := Up(ctx, o)
	require.NoError(t, err)
	assert.True(t, up.Hosts()[1].On)
	o.Inventory = inventoryOf("root", "p1", "10.91.3.99", "p2", "10.91.3.12")
	_, err = Up(ctx, o)
	assert.ErrorContains(t, err, "run provision lab down first")
}

func TestTwoLabsHoldTheSameAddress(t *testing.T) {
	one := upTest(t, "one", inventoryOf("root", "m1", "10.91.4.11"))
	two := upTest(t, "two", inventoryOf("root", "m1", "10.91.4.11"))
	for range 3 { // one process, in turns
		assert.Equal(t, "one", overSSH(t, one, one.Hosts()[0], "cat /etc/provision-lab"))
		assert.Equal(t, "two", overSSH(t, two, two.Hosts()[0], "cat /etc/provision-lab"))
	}
	_, err := sshTo(t.Context(), one, two.Hosts()[0])
	require.NoError(t, err, "an address is the dialled lab's own")
}

func TestAHostThatDoesNotBootSaysWhy(t *testing.T) {
	cache, dir := t.TempDir(), t.TempDir()
	root := rootfsPath(cache, Container, DefaultSuite)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
	for _, f := range []string{"passwd", "group", "shadow", "os-release"} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "etc", f), nil, 0o644))
	}
	_, err := Up(t.Context(), Options{Inventory: inventoryOf("root", "m1", "10.91.5.11"), Name: "broken", StateDir: dir, CacheDir: cache})
	assert.ErrorContains(t, err, "booting host m1")
	assert.ErrorContains(t, err, "its console (")
	names, listErr := ListIn(dir)
	require.NoError(t, listErr)
	assert.Equal(t, []string{"broken"}, names)
	require.NoError(t, DownIn(t.Context(), dir, "broken"))
	assert.NoDirExists(t, filepath.Join(dir, "broken"))
}
