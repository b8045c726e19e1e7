//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// verbTimeout bounds one run of provision.
const verbTimeout = 5 * time.Minute

// ran is how a run of provision ended.
type ran struct {
	args     []string
	out, err string
	code     int
	took     time.Duration
}

func (r ran) all() string {
	return "provision " + strings.Join(r.args, " ") + "\n" + r.out + r.err
}

// provision runs the binary on the cluster's lab.
func (c *cluster) provision(t *testing.T, args ...string) ran {
	t.Helper()
	return runFor(t, cmp.Or(c.patience, verbTimeout), c.command(t.Context(), args...))
}

// command is the binary on the cluster's lab, not started.
func (c *cluster) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.bin, append([]string{"--lab=" + c.name}, args...)...)
	if c.cache != "" {
		cmd.Env = append(os.Environ(), "PROVISION_CACHE="+c.cache)
	}
	return cmd
}

// run runs a command that may fail.
func run(t *testing.T, cmd *exec.Cmd) ran {
	t.Helper()
	return runFor(t, verbTimeout, cmd)
}

// runFor is run with a time limit of its own.
func runFor(t *testing.T, limit time.Duration, cmd *exec.Cmd) ran {
	t.Helper()
	r := ran{args: cmd.Args[1:]}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 5 * time.Second
	started := time.Now()
	require.NoError(t, cmd.Start())
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer timer.Stop()
	err := cmd.Wait()
	r.took, r.out, r.err = time.Since(started), out.String(), errs.String()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		require.NoError(t, err)
	}
	r.code = cmd.ProcessState.ExitCode()
	return r
}

// verb runs a verb on the cluster's inventory.
func (c *cluster) verb(t *testing.T, verb string, args ...string) ran {
	t.Helper()
	return c.provision(t, append(append([]string{verb}, c.inventory()...), args...)...)
}

// apply applies, and must succeed.
func (c *cluster) apply(t *testing.T) ran {
	t.Helper()
	r := c.verb(t, "apply", "--yes")
	require.Zero(t, r.code, "%s", r.all())
	return r
}

// unchanged checks that there is nothing to do.
func (c *cluster) unchanged(t *testing.T) {
	t.Helper()
	r := c.verb(t, "plan", "--detailed-exitcode")
	assert.Zero(t, r.code, "the plan must be empty: %s", r.all())
}

// eventually asks until there is an answer, at most for the time given. It is
// for what only the outside of a host shows, and nothing can be watched.
func eventually(t *testing.T, within time.Duration, what string, check func(ctx context.Context) error) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	started := time.Now()
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	var last error
	for {
		if err := check(ctx); err == nil {
			return time.Since(started)
		} else if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			require.NoError(t, last, "%s, after %s", what, within)
			require.NoError(t, ctx.Err())
		case <-ticker.C:
		}
	}
}
