//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// preflight breaks the hosts of inventories/small.hcl in as many ways as
// containers allow, and expects all of them to be named in one pass.
func (s *suite) preflight(t *testing.T) {
	c := s.boot(t, "preflight", sample("small.hcl"), extra("shared-kernel.hcl"))
	clean := c.verb(t, "preflight") // also puts the agents there
	require.Zero(t, clean.code, "bare hosts: %s", clean.all())
	fix := c.spoil(t)
	before := c.stand(t)
	t.Run("all at once", func(t *testing.T) { c.allAtOnce(t, before) })
	t.Run("killed", func(t *testing.T) { c.killedPreflight(t, before) })
	t.Run("hung shell", c.hungShell)
	t.Run("apply", func(t *testing.T) { c.applyUnfit(t, fix) })
}

// spoil breaks hosts; each function of the result fixes one of them.
func (c *cluster) spoil(t *testing.T) map[string]func() {
	for _, host := range []string{"master", "node-1"} {
		c.put(t, host, c.testpod, onHost)
	}
	c.on(t, "master", "systemd-run", "--quiet", "--unit=rogue", onHost, "serve", "0.0.0.0:6443")
	c.on(t, "node-1", "mkdir", "-p", "/root/debs")
	for _, deb := range c.artifacts(t, "deb-nftables", "bookworm") {
		c.put(t, "node-1", deb.path, "/root/debs/"+deb.File)
	}
	c.on(t, "node-1", "sh", "-c", "dpkg -i --force-depends /root/debs/*.deb >/dev/null 2>&1; nft add table inet guard && "+
		"nft add chain inet guard input '{ type filter hook input priority 0; policy accept; }' && nft add rule inet guard input tcp dport 10250 drop")
	c.on(t, "node-1", "mount", "-t", "tmpfs", "-o", "size=64m", "none", "/var/lib/containerd")
	id := c.on(t, "node-1", "cat", "/etc/machine-id")
	own := c.on(t, "node-2", "cat", "/etc/machine-id")
	identify := func(id string) { c.on(t, "node-2", "sh", "-c", "echo "+id+" >/etc/machine-id") }
	identify(id)
	c.on(t, "node-2", "hostname", "node-1")
	link := strings.Fields(c.on(t, "node-2", "ip", "-o", "-4", "addr", "show", "scope", "global"))[1]
	c.on(t, "node-2", "ip", "link", "set", link, "mtu", "1400")
	return map[string]func(){
		"master": func() { c.on(t, "master", "systemctl", "stop", "rogue") },
		"node-1": func() {
			c.on(t, "node-1", "nft", "delete", "table", "inet", "guard")
			c.on(t, "node-1", "umount", "/var/lib/containerd")
		},
		"node-2": func() {
			identify(own)
			c.on(t, "node-2", "hostname", "node-2")
			c.on(t, "node-2", "ip", "link", "set", link, "mtu", "1500")
		},
	}
}

// stand is what preflight must leave as it is: files everywhere, and sockets
// that listen.
func (c *cluster) stand(t *testing.T) map[string][]string {
	t.Helper()
	hosts := map[string][]string{}
	for _, host := range c.hosts() {
		files := c.on(t, host, "find", "/", "-xdev", "(", "-path", "/var/log", "-o", "-path", "/var/lib/provision/agent", "-o", "-path", "/proc", "-o", "-path", "/sys",
			"-o", "-path", "/run", "-o", "-path", "/dev", "-o", "-path", "/tmp", "-o", "-path", "/var/tmp", ")", "-prune", "-o", "-printf", `%p %y %T@ %s %m %U\n`)
		hosts[host] = strings.Split(files, "\n")
		slices.Sort(hosts[host])
		hosts[host] = append(hosts[host], c.listening(t, host)...)
	}
	return hosts
}

// listening are the sockets of a host that wait for others.
func (c *cluster) listening(t *testing.T, host string) []string {
	t.Helper()
	var list []string
	for line := range strings.SplitSeq(c.on(t, host, "cat", "/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp", "/proc/net/udp6"), "\n") {
		if words := strings.Fields(line); len(words) > 3 && (words[3] == "0A" || words[3] == "07") {
			list = append(list, "socket "+words[1])
		}
	}
	slices.Sort(list)
	return list
}

func (c *cluster) allAtOnce(t *testing.T, before map[string][]string) {
	r := c.verb(t, "preflight", "--json")
	require.Equal(t, 1, r.code, "%s", r.all())
	var got struct {
		Findings []struct{ Severity, Host, Check, What, Why, Remedy string }
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &got), "%s", r.out)
	want := []struct{ host, check, says string }{
		{"master", "port", "6443 is taken by testpod (process "},
		{"node-1", "machine-id", "node-2"},
		{"node-2", "machine-id", "node-1"},
		{"node-2", "hostname", "node-1"},
		{"node-1", "disk", "/var/lib/containerd"},
		{"node-1", "firewall", "10250"},
		{"node-1", "reach", "master cannot reach its port 10250"},
		{"node-2", "mtu", "at most 1400"},
	}
	for _, w := range want {
		found := slices.ContainsFunc(got.Findings, func(f struct{ Severity, Host, Check, What, Why, Remedy string }) bool {
			return f.Host == w.host && f.Check == w.check && strings.Contains(f.What, w.says) && f.Remedy != ""
		})
		assert.True(t, found, "%+v in %s", w, r.out)
	}
	for _, text := range []string{"rogue.service", "testpod", "systemctl disable --now rogue.service", "tcp dport 10250 drop", "mtu = 1400"} {
		assert.Contains(t, r.out, text)
	}
	people := c.verb(t, "preflight")
	t.Logf("%s", people.out)
	assert.Equal(t, 1, people.code)
	assert.Equal(t, before, c.stand(t), "nothing was changed")
	c.seconds(t, "preflight of three hosts with eight faults", r.took)
	faults.Record(t, "preflight-all-at-once", "preflight names everything that is wrong with the hosts in one pass, each with a remedy, and changes nothing",
		"at once: a port taken by a service, a duplicate machine-id and host name, a full disk, a port dropped by nftables, an MTU of 1400",
		"all 8 named in %.1f s; files and listening sockets of 3 hosts as before", r.took.Seconds())
}

// examine starts preflight.
func (c *cluster) examine(t *testing.T) (cmd *exec.Cmd, ended <-chan struct{}) {
	t.Helper()
	cmd = c.command(t.Context(), append([]string{"preflight"}, c.inventory()...)...)
	require.NoError(t, cmd.Start())
	over := make(chan struct{})
	go func() { defer close(over); _ = cmd.Wait() }()
	return cmd, over
}

// killedPreflight ends preflight while agents listen.
func (c *cluster) killedPreflight(t *testing.T, before map[string][]string) {
	const kills = 5
	var longest time.Duration
	for range kills {
		cmd, ended := c.examine(t)
		eventually(t, 3*time.Minute, "agents listen", func(context.Context) error {
			select {
			case <-ended: // nobody looked in time
				cmd, ended = c.examine(t)
			default:
			}
			if !slices.ContainsFunc(c.listening(t, "node-1"), func(s string) bool { return strings.HasSuffix(s, ":280A") }) { // 10250
				return errors.New("node-1 does not listen")
			}
			return nil
		})
		_ = cmd.Process.Kill()
		<-ended
		longest = max(longest, eventually(t, 2*time.Minute, "the agents of a killed preflight are gone", func(ctx context.Context) error {
			for _, host := range c.hosts() {
				out, err := c.lab.Exec(ctx, host, "sh", "-c", "readlink /proc/[0-9]*/exe | grep /var/lib/provision/agent/ || true")
				if err != nil || out != "" {
					return &stillThere{host, out}
				}
			}
			return nil
		}))
	}
	assert.Equal(t, before, c.stand(t), "nothing stays behind")
	faults.Record(t, "preflight-killed", "a preflight that is killed leaves no listener and no file behind",
		"kill -9 of provision once its agents listen", "%d kills; agents and their sockets gone after %.1f s at most", kills, longest.Seconds())
}

type stillThere struct{ host, processes string }

func (e *stillThere) Error() string { return e.host + " still runs " + e.processes }

// applyUnfit leaves hosts out that are not fit, and takes them when fixed.
func (c *cluster) applyUnfit(t *testing.T, fix map[string]func()) {
	r := c.verb(t, "apply", "--yes")
	c.refused(t, r, "cannot create cluster", "6443", "rogue.service", "Nothing was changed")
	fix["master"]()
	r = c.verb(t, "apply", "--yes")
	c.refused(t, r, "node-1 was skipped", "node-2 was skipped", "machine-id", "10250")
	a, done := c.tunnel(t)
	a.allReady(t, "master")
	done()
	fix["node-1"]()
	fix["node-2"]()
	c.apply(t)
	c.quiet(t)
	healthy := c.verb(t, "preflight")
	assert.Zero(t, healthy.code, "a healthy cluster: %s", healthy.all())
	c.seconds(t, "preflight of a healthy cluster of three hosts", healthy.took)
	faults.Record(t, "preflight-apply-leaves-out", "apply skips hosts that fail preflight, with all reasons, makes the cluster of the others, and adds them once they are fixed",
		"two of three hosts with faults, fixed after the first apply", "1 Node, then 3; preflight of the healthy cluster: exit code %d", healthy.code)
}
