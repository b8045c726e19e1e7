//go:build e2e

package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// single is the cluster of inventories/single.hcl: one host, and a login user
// who is not root. What may go wrong on the way goes wrong.
func (s *suite) single(t *testing.T) {
	c := s.boot(t, "single", sample("single.hcl"), extra("shared-kernel.hcl"))
	t.Run("refusals", c.refusals)
	t.Run("host keys", c.hostKeys)
	t.Run("interrupt", c.interrupt)
	t.Run("taken port", c.takenPort)
	r := c.apply(t)
	c.seconds(t, "complete the cluster", r.took)
	c.quiet(t)
	a, _ := c.tunnel(t)
	a.allReady(t, "k1")
	c.answersDNS(t, "k1")
	t.Run("drift", c.drifts)
	c.ownImage(t, a, "k1")
	c.pods(t, a, map[string]string{"east": "k1", "west": "k1"})
	assert.True(t, strings.HasPrefix(c.in(t, a, "east", "get", "http://west/"), "west to "))

	c.put(t, "k1", s.kindTests(t), "/root/kinds")
	c.put(t, "k1", s.image, "/root/image.tar")
	c.inside(t, "TestImage", "PROVISION_TEST_IMAGE=/root/image.tar", "PROVISION_TEST_REFERENCE="+podImage, "PROVISION_TEST_MANIFEST="+s.manifest)
}

// refused plans, which must fail and say all of this.
func (c *cluster) refused(t *testing.T, r ran, says ...string) {
	t.Helper()
	assert.Equal(t, 1, r.code, "%s", r.all())
	for _, text := range says {
		assert.Contains(t, r.all(), text)
	}
	if !t.Failed() {
		t.Logf("%s", r.out+r.err)
	}
}

// refusals are a missing marker, a login without sudo and a refused key.
func (c *cluster) refusals(t *testing.T) {
	away := func(path string) (back func()) {
		c.on(t, "k1", "mv", path, path+".away")
		return func() { c.on(t, "k1", "mv", path+".away", path) }
	}
	back := away("/etc/provision-lab")
	c.refused(t, c.verb(t, "plan"), "k1", "not a host of lab", c.name)
	back()
	back = away("/etc/sudoers.d/lab-ops")
	c.refused(t, c.verb(t, "plan"), "k1", "cannot become root", "sudo")
	back()
	back = away("/home/ops/.ssh/authorized_keys")
	c.refused(t, c.verb(t, "plan"), "k1", "login refused", "ops")
	back()
}

// real runs a verb without --lab, as on real hosts, but inside the lab's
// network, so that nothing else can be reached.
func (c *cluster) real(t *testing.T, home string, args ...string) ran {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "nsenter", append([]string{"--net=" + c.lab.Netns(), c.bin}, args...)...)
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	cmd.Env = append(os.Environ(), "HOME="+home, "SSH_AUTH_SOCK=", "PROVISION_CACHE="+cacheOr(filepath.Join(cache, "provision")))
	return run(t, cmd)
}

func cacheOr(path string) string {
	if set := os.Getenv("PROVISION_CACHE"); set != "" {
		return set
	}
	return path
}

// hostKeys meets a host as on the real network: its key is unknown, accepted,
// changed, pinned; and the host is refused at last because it is a lab's.
func (c *cluster) hostKeys(t *testing.T) {
	home := t.TempDir()
	ssh := `user = "ops"` + "\n  identity_files = [\"" + c.lab.SSHFiles().Key + "\"]"
	files := []string{edited(t, sample("single.hcl"), `user = "ops"`, ssh), extra("shared-kernel.hcl")}
	plan := append([]string{"plan"}, asArgs(files)...)
	accept := append([]string{"hostkeys", "accept", "k1", "--yes"}, asArgs(files)...)
	c.refused(t, c.real(t, home, plan...), "k1", "host key unknown", "hostkeys accept")
	scan := c.real(t, home, append([]string{"hostkeys", "scan"}, asArgs(files)...)...)
	assert.Zero(t, scan.code, "%s", scan.all())
	pin := c.lab.SSHFiles().Pins["k1"]
	assert.Contains(t, scan.out, pin)
	r := c.real(t, home, accept...)
	require.Zero(t, r.code, "%s", r.all())
	c.refused(t, c.real(t, home, plan...), "k1", "is a host of lab", c.name, "--lab")

	const key = "/etc/ssh/ssh_host_ed25519_key"
	c.on(t, "k1", "sh", "-c", "cp -p "+key+" /root/key && cp -p "+key+".pub /root/key.pub && rm "+key+" "+key+".pub && ssh-keygen -q -t ed25519 -N '' -f "+key+" && systemctl reload ssh")
	c.refused(t, c.real(t, home, plan...), "k1", "host key changed", "--replaced")
	c.refused(t, c.verb(t, "plan"), "k1", "host key changed")
	c.refused(t, c.real(t, home, accept...), "--replaced")
	r = c.real(t, home, append(accept, "--replaced")...)
	require.Zero(t, r.code, "%s", r.all())
	c.refused(t, c.real(t, home, plan...), "is a host of lab")
	c.on(t, "k1", "sh", "-c", "mv /root/key "+key+" && mv /root/key.pub "+key+".pub && systemctl reload ssh")
}

// interrupt presses Ctrl-C in the middle of the first apply.
func (c *cluster) interrupt(t *testing.T) {
	cmd := c.command(t.Context(), append([]string{"apply", "--yes", "--json"}, c.inventory()...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs strings.Builder
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for done := 0; lines.Scan(); {
		if strings.Contains(lines.Text(), `"type":"step_done"`) {
			if done++; done == 20 {
				require.NoError(t, cmd.Process.Signal(os.Interrupt))
			}
		}
	}
	require.Error(t, cmd.Wait())
	assert.Equal(t, 130, cmd.ProcessState.ExitCode(), "%s", errs.String())
	assert.Contains(t, errs.String(), "To continue:")
}

// takenPort has something else listen where the API server must.
func (c *cluster) takenPort(t *testing.T) {
	c.put(t, "k1", c.testpod, onHost)
	cmd, err := c.lab.Command(t.Context(), "k1", onHost, "hold", "0.0.0.0:6443")
	require.NoError(t, err)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	r := c.verb(t, "apply", "--yes")
	c.refused(t, r, "k1 failed", "fails preflight", "port 6443 is taken by testpod (process ")
	c.seconds(t, "apply refuses a host with a taken port", r.took)
	in.Close()
	require.NoError(t, cmd.Wait())
}
