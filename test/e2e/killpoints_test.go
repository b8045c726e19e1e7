//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onHosts is where agents with kill points look for rules: see package
// provision/internal/killpoint.
const onHosts = "/run/provision-killpoint"

// operator is a place of rules beside the hosts.
const operator = "operator"

// strikeTimeout bounds a run that is struck.
const strikeTimeout = 5 * time.Minute

// strike is one apply by programs with kill points, some of which are killed.
type strike struct {
	rows  string   // of docs/faults.md
	edits []string // of the inventory: see edited
	// rules by host, or operator: lines of package killpoint.
	rules map[string][]string
	// Whom a rule "meet" makes wait, and who is killed then by this test:
	// operator, or hosts whose agents are.
	meet string
	kill []string
	// seen checks what the run left behind. May be nil.
	seen func(t *testing.T, c *cluster)
}

// died says who did, for docs/faults.md.
func (s strike) died() string {
	who := map[bool]bool{} // whether it is the operator
	for _, place := range s.kill {
		who[place == operator] = true
	}
	for place, rules := range s.rules {
		if slices.ContainsFunc(rules, func(r string) bool { return !strings.HasPrefix(r, "block") && !strings.HasPrefix(r, "meet") }) {
			who[place == operator] = true
		}
	}
	switch {
	case who[true] && who[false]:
		return "agents and operator"
	case who[true]:
		return operator
	}
	return "agents"
}

// strike runs apply, which must be killed as said, and returns the points that
// were reached, by place.
func (c *cluster) strike(t *testing.T, s strike) map[string]string {
	t.Helper()
	folder := t.TempDir()
	for place, rules := range s.rules {
		c.arm(t, place, folder, rules)
	}
	begun := time.Now()
	code, out := c.struck(t, s, folder)
	took := time.Since(begun)
	c.free(t)
	points := c.reached(t, s, folder)
	t.Logf("%s, %s killed, %.1f s, locks free %.1f s later: %v", s.rows, s.died(), took.Seconds(), (time.Since(begun) - took).Seconds(), points)
	assert.Len(t, points, len(s.rules)-s.blocks(), "%s: not every point was reached: %v\n%s", s.rows, points, out)
	assert.NotZero(t, code, "%s: the run was killed", s.rows)
	if s.seen != nil {
		s.seen(t, c)
	}
	return points
}

// struck runs apply and kills whom the strike says, and returns how it ended.
func (c *cluster) struck(t *testing.T, s strike, folder string) (code int, out string) {
	t.Helper()
	cmd := c.command(t.Context(), append([]string{"apply", "--yes"}, c.inventory()...)...)
	// The same program, with kill points.
	cmd.Path = binary(t, "PROVISION_KILL_BIN", repo+"/bin/killpoints/provision", "make killpoints")
	cmd.Env = append(cmd.Environ(), "PROVISION_KILLPOINT="+folder)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	late := time.After(strikeTimeout)
	ctx, cancel := context.WithTimeout(t.Context(), strikeTimeout)
	defer cancel()
	go func() { defer close(ended); defer cancel(); _ = cmd.Wait() }()
	if s.meet != "" && c.met(ctx, s.meet, folder) == nil {
		c.slay(t, cmd, s.kill)
		slain := time.Now()
		if !slices.Contains(s.kill, s.meet) {
			c.release(t, s.meet, folder)
		}
		defer func() { t.Logf("%s: the run was over %.1f s after the kill", s.rows, time.Since(slain).Seconds()) }()
	}
	select {
	case <-ended:
	case <-late:
		require.NoError(t, cmd.Process.Kill())
		<-ended
		require.Fail(t, "the point was not reached, or a run that lost its agents did not end", "%s: %v\n%s", s.rows, c.reached(t, s, folder), output.String())
	}
	return cmd.ProcessState.ExitCode(), output.String()
}

// blocks counts the places that have nothing but blocks.
func (s strike) blocks() int {
	n := 0
	for _, rules := range s.rules {
		if !slices.ContainsFunc(rules, func(r string) bool { return !strings.HasPrefix(r, "block") }) {
			n++
		}
	}
	return n
}

// arm puts rules and the pipes of "meet" in place.
func (c *cluster) arm(t *testing.T, place, folder string, rules []string) {
	t.Helper()
	text := strings.Join(rules, "\n") + "\n"
	if place == operator {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "rules"), []byte(text), 0o600))
		for _, name := range []string{"at", "go"} {
			require.NoError(t, syscall.Mkfifo(filepath.Join(folder, name), 0o600))
		}
		return
	}
	c.on(t, place, "sh", "-c", `rm -rf "$0" && mkdir "$0" && mkfifo "$0/at" "$0/go" && printf %s "$1" >"$0/rules"`, onHosts, text)
}

// met returns when the point is reached.
func (c *cluster) met(ctx context.Context, place, folder string) error {
	cmd := exec.CommandContext(ctx, "cat", filepath.Join(folder, "at"))
	if place != operator {
		var err error
		if cmd, err = c.lab.Command(ctx, place, "cat", onHosts+"/at"); err != nil {
			return err
		}
	}
	return cmd.Run()
}

// release lets the one who waits go on.
func (c *cluster) release(t *testing.T, place, folder string) {
	t.Helper()
	if place == operator {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "go"), nil, 0o600))
		return
	}
	c.on(t, place, "sh", "-c", `: >"$0/go"`, onHosts)
}

// slay kills the operator, or the agents of hosts. The run may end the last of
// them itself, once most masters are lost.
func (c *cluster) slay(t *testing.T, cmd *exec.Cmd, who []string) {
	t.Helper()
	for i, place := range who {
		if place == operator {
			require.NoError(t, cmd.Process.Kill())
			continue
		}
		killed := c.killAgents(t, place)
		assert.True(t, i > 0 || len(killed) > 0, "agents of %s were killed", place)
	}
}

// killAgents kills a host's agents with SIGKILL, and nothing that they run. It
// returns their process ids.
func (c *cluster) killAgents(t *testing.T, host string) []string {
	t.Helper()
	return strings.Fields(c.on(t, host, "sh", "-c", `for d in /proc/[0-9]*; do
		case "$(readlink "$d/exe")" in /var/lib/provision/agent/*) kill -9 "${d#/proc/}" && echo "${d#/proc/}";; esac
	done; true`))
}

// reached are the points that were, by place.
func (c *cluster) reached(t *testing.T, s strike, folder string) map[string]string {
	t.Helper()
	points := map[string]string{}
	for place := range s.rules {
		var text string
		if place == operator {
			raw, err := os.ReadFile(filepath.Join(folder, "reached"))
			if !os.IsNotExist(err) {
				require.NoError(t, err)
			}
			text = string(raw)
		} else {
			text = c.on(t, place, "sh", "-c", `if [ -e "$0/reached" ]; then cat "$0/reached"; fi; rm -rf "$0"`, onHosts)
		}
		if text = strings.TrimSpace(text); text != "" {
			points[place] = text
		}
	}
	return points
}

// free returns when no agent holds a host's lock any more.
func (c *cluster) free(t *testing.T) {
	t.Helper()
	for _, host := range c.applied(t) {
		c.on(t, host, "sh", "-c", `if [ -e "$0" ]; then flock -w 50 "$0" true; fi`, "/var/lib/provision/ledger/lock")
	}
}

// killAt is a rule: the process ends at the nth passage of the point.
func killAt(nth int, point string) string { return fmt.Sprintf("kill %d %s", nth, point) }

func meetAt(nth int, point string) string { return fmt.Sprintf("meet %d %s", nth, point) }

func block(point string) string { return "block 1 " + point }
