//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// moment is when a run is killed: at the nth event of a type.
type moment struct {
	event string
	nth   int
}

func (m moment) String() string { return fmt.Sprintf("%s %d", m.event, m.nth) }

// kill runs apply and kills it at the moment. It reports whether the moment came.
func (c *cluster) kill(t *testing.T, m moment) bool {
	t.Helper()
	return c.at(t, m, kill(t))
}

// kill ends provision at once.
func kill(t *testing.T) func(cmd *exec.Cmd) bool {
	return func(cmd *exec.Cmd) bool {
		require.NoError(t, cmd.Process.Kill())
		return true
	}
}

// at runs apply and does what is given at the moment. It reports whether
// that was done; without, the run must succeed.
func (c *cluster) at(t *testing.T, m moment, do func(cmd *exec.Cmd) bool) bool {
	t.Helper()
	return c.during(t, []string{"apply", "--yes"}, m, do)
}

// during is at for any verb that tells events.
func (c *cluster) during(t *testing.T, verb []string, m moment, do func(cmd *exec.Cmd) bool) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := c.command(ctx, append(append(verb, "--json"), c.inventory()...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs strings.Builder
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	seen, done := 0, false
	var failed []string
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"type":"step_failed"`) {
			failed = append(failed, lines.Text())
		}
		if !strings.Contains(lines.Text(), `"type":"`+m.event+`"`) {
			continue
		}
		if seen++; seen == m.nth && !done {
			done = do(cmd)
		}
	}
	require.NoError(t, lines.Err())
	err = cmd.Wait()
	if !done {
		require.NoError(t, err, "%s\n%s", strings.Join(failed, "\n"), errs.String())
	}
	return done
}
