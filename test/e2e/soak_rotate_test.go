//go:build e2e && soak

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
	"provision/test/soak"
)

// rotations is the result that is committed in test/soak/results.
type rotations struct {
	soak.Header
	Rotations []rotation `json:"rotations"`
	// Load is the machine's load average of the last quarter of an hour: others
	// work on it, and gaps are longer then.
	Load    string  `json:"load_average"`
	Cores   int     `json:"cores"`
	Seconds float64 `json:"seconds"`
}

// rotation is one of them, with what became of the writes meanwhile.
type rotation struct {
	Name    string             `json:"name"`
	Seconds float64            `json:"seconds"` // of the runs, without what is between them
	Acked   int                `json:"acknowledged_writes"`
	Refused int                `json:"refused_writes"`
	Lost    int                `json:"lost_writes"`
	Gaps    map[string]float64 `json:"longest_gap_seconds"`
}

// TestSoakRotation replaces each authority and key of three masters while a
// host, a pod and the operator write; one run is killed. What the old ones signed
// is refused afterwards. It takes longer than a journey may: ten rolling restarts
// of three control planes.
func TestSoakRotation(t *testing.T) {
	s := newSuite(t)
	s.patience = 15 * time.Minute
	begun := time.Now()
	result := &rotations{Header: begin(t, "rotation"), Cores: runtime.NumCPU()}
	t.Run("each", func(t *testing.T) { s.rotateAll(t, result) })
	result.Seconds, result.Passed, result.Load = time.Since(begun).Seconds(), !t.Failed(), loadAverage(t)
	keep(t, result.Journey, result)
	if !t.Failed() {
		result.record(t)
	}
}

func (s *suite) rotateAll(t *testing.T, result *rotations) {
	c := s.boot(t, "rotate", extra("rotate.hcl"), extra("shared-kernel.hcl"))
	c.apply(t)
	old := c.keepOld(t)
	c.underLoad(t, result, "cluster", func() time.Duration {
		first := c.rotated(t, "rotate-ca", "cluster")
		assert.Contains(t, first.all(), "waits in phase trusted", "clients get time to learn of the authority")
		c.podsTrust(t, "r2", 2)
		c.handOut(t)
		return first.took + c.rotated(t, "rotate-ca", "cluster", "--now").took
	})
	c.underLoad(t, result, "etcd", func() time.Duration {
		return c.killRotation(t) + c.rotated(t, "rotate-ca", "etcd").took
	})
	c.underLoad(t, result, "front-proxy", func() time.Duration { return c.rotated(t, "rotate-ca", "front-proxy").took })
	c.underLoad(t, result, "encryption", func() time.Duration { return c.rotated(t, "rotate-key", "encryption").took })
	c.underLoad(t, result, "service-account", func() time.Duration {
		waits := c.rotated(t, "rotate-key", "service-account")
		assert.Contains(t, waits.all(), "waits in phase signed", "tokens of pods get time")
		return waits.took
	})
	c.rotated(t, "rotate-key", "service-account", "--now")
	c.oldRefused(t, old)
	c.unchanged(t)
}

// underLoad has a host, a pod and the operator write during a rotation.
func (c *cluster) underLoad(t *testing.T, result *rotations, name string, rotate func() time.Duration) {
	t.Helper()
	stop := c.writes(t, "r1", inPod+"r2", outside)
	took := rotate()
	w := stop()
	w.none(t)
	assert.Less(t, w.Gap, 3*longestGap, "%s: %s", name, w.Last)
	c.note(t, "rotation of "+name, "%.1f s; %s", took.Seconds(), w)
	one := rotation{Name: name, Seconds: took.Seconds(), Acked: w.Acked, Refused: w.Refused, Lost: w.Lost, Gaps: map[string]float64{}}
	for from, each := range w.From {
		one.Gaps[from] = each.Gap.Seconds()
	}
	result.Rotations = append(result.Rotations, one)
}

// handOut gives the operator's client a new kubeconfig, as the command says.
func (c *cluster) handOut(t *testing.T) {
	t.Helper()
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	c.outsideCA(t, a)
}

// record keeps rows of docs/faults.md.
func (result *rotations) record(t *testing.T) {
	t.Helper()
	var each []string
	acked, refused, lost, gap := 0, 0, 0, 0.0
	for _, one := range result.Rotations {
		longest := slices.Max(slices.Collect(maps.Values(one.Gaps)))
		each = append(each, fmt.Sprintf("%s %.0f s, longest gap %.1f s", one.Name, one.Seconds, longest))
		acked, refused, lost, gap = acked+one.Acked, refused+one.Refused, lost+one.Lost, max(gap, longest)
	}
	faults.Record(t, "rotate-load", "Each authority and key is replaced while the API serves: not one acknowledged write is lost, and the old ones are refused afterwards",
		"each CA and key of three masters rotated under 100 writes a second from a host, a pod and the operator's tunnel; the run for etcd's killed when the first member had restarted, and run again",
		"%s; %d writes acknowledged, %d lost, %d refused; longest gap of all %.1f s (%d cores, load average %s)",
		strings.Join(each, "; "), acked, lost, refused, gap, result.Cores, result.Load)
}

func loadAverage(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("/proc/loadavg")
	require.NoError(t, err)
	fields := strings.Fields(string(raw))
	require.Greater(t, len(fields), 2)
	return fields[2]
}

// killRotation kills the rotation of etcd's authority when the first member has
// restarted.
func (c *cluster) killRotation(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Now()
	cmd := c.command(t.Context(), append([]string{"certs", "rotate-ca", "etcd", "--yes"}, c.inventory()...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if !killed && strings.Contains(lines.Text(), `unit["etcd.service"] restarted`) {
			killed = true
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait())
	require.True(t, killed, "no member was restarted")
	return time.Since(begun)
}

// podsTrust waits until the pods of a host are told of so many authorities.
// kubelet looks after a pod at once when it changes, else once a minute.
func (c *cluster) podsTrust(t *testing.T, host string, want int) {
	t.Helper()
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	a.do(t, "annotate", "pods", "--all", "--all-namespaces", "--overwrite", fmt.Sprintf("looked=at-%d", time.Now().Unix()))
	took := eventually(t, 3*time.Minute, "pods are told of the authorities", func(ctx context.Context) error {
		out, err := c.lab.Exec(ctx, host, "sh", "-c", "grep -c 'BEGIN CERTIFICATE' /dev/null /var/lib/kubelet/pods/*/volumes/kubernetes.io~projected/*/..data/ca.crt")
		for line := range strings.Lines(out) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "/dev/null:") && !strings.HasSuffix(line, fmt.Sprintf(":%d", want)) {
				return errors.New(line)
			}
		}
		return err
	})
	c.seconds(t, "pods are told of a new authority", took)
}

const oldDir = "/root/before"

// keepOld keeps what the authorities and keys of now signed.
func (c *cluster) keepOld(t *testing.T) (token string) {
	t.Helper()
	c.on(t, "r1", "sh", "-c", "mkdir "+oldDir+" && cp /etc/kubernetes/pki/* /etc/etcd/pki/client.* "+oldDir+" && cp /etc/etcd/pki/ca.crt "+oldDir+"/etcd-ca.crt")
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	a.do(t, "create", "secret", "generic", "kept", "--from-literal=word=plain")
	return a.do(t, "create", "token", "default", "--duration=2h")
}

// oldRefused checks that none of it is worth anything any more.
func (c *cluster) oldRefused(t *testing.T, token string) {
	t.Helper()
	kubectl := []string{"/usr/local/bin/kubectl", "--kubeconfig=/dev/null", "--server=https://127.0.0.1:6443", "get", "--raw=/api"}
	now := "--certificate-authority=/etc/kubernetes/pki/ca.crt"
	pair := func(dir, name string) []string {
		return []string{"--client-certificate=" + dir + "/" + name + ".crt", "--client-key=" + dir + "/" + name + ".key"}
	}
	etcdctl := func(dir, ca string) []string {
		return []string{"/usr/local/bin/etcdctl", "--command-timeout=5s", "--endpoints=https://127.0.0.1:2379", "--cacert=" + ca, "--cert=" + dir + "/client.crt", "--key=" + dir + "/client.key",
			"get", "--print-value-only", "/registry/secrets/default/kept"}
	}
	c.on(t, "r1", append(append(kubectl, now), pair("/etc/kubernetes/pki", "scheduler")...)...)
	for what, argv := range map[string][]string{
		"an API server, by the old authority": append(append(kubectl, "--certificate-authority="+oldDir+"/ca.crt"), pair("/etc/kubernetes/pki", "scheduler")...),
		"a client of the old authority":       append(append(kubectl, now), pair(oldDir, "scheduler")...),
		"a token of the old key":              append(append(kubectl, now), "--token="+token),
		"a client of etcd's old authority":    etcdctl(oldDir, "/etc/etcd/pki/ca.crt"),
		"etcd, by its old authority":          etcdctl("/etc/etcd/pki", oldDir+"/etcd-ca.crt"),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := c.lab.Exec(ctx, "r1", argv...)
		cancel()
		assert.Error(t, err, "%s is accepted", what)
	}
	stored := c.on(t, "r1", etcdctl("/etc/etcd/pki", "/etc/etcd/pki/ca.crt")...)
	assert.Contains(t, stored, "k8s:enc:secretbox:v1:key")
	assert.NotContains(t, stored, ":key1:", "Secrets are encrypted with the new key")
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	assert.Equal(t, "cGxhaW4=", a.do(t, "get", "secret", "kept", "-o", "jsonpath={.data.word}"))
}
