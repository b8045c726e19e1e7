//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// entrant is one run of apply among several.
type entrant struct {
	code      int
	out, err  bytes.Buffer
	connected time.Time // when the last host had answered
	wrote     bool      // a step was done
	waited    bool      // for the lock of one who was not heard
	stepped   time.Time // when the first step began
	ended     time.Time
}

// enter applies and watches the events.
func (c *cluster) enter(ctx context.Context, e *entrant) error {
	cmd := c.command(ctx, append([]string{"apply", "--yes", "--json"}, c.inventory()...)...)
	cmd.Stderr = &e.err
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.Contains(line, `"type":"host_connected"`):
			e.connected = time.Now()
		case strings.Contains(line, `"type":"step_started"`) && e.stepped.IsZero():
			e.stepped = time.Now()
		case strings.Contains(line, `"type":"step_done"`):
			e.wrote = true
		case strings.Contains(line, "Waiting for the lock of host "):
			e.waited = true
		case strings.Contains(line, `"type":"result"`):
			e.out.WriteString(line)
		}
	}
	_ = cmd.Wait() // its code tells
	e.ended, e.code = time.Now(), cmd.ProcessState.ExitCode()
	return lines.Err()
}

// crowd has all operators apply at once.
func (c *cluster) crowd(t *testing.T) []*entrant {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), verbTimeout)
	defer cancel()
	all := make([]*entrant, operators)
	errs := make([]error, operators)
	var wait sync.WaitGroup
	for i := range all {
		all[i] = &entrant{}
		wait.Go(func() { errs[i] = c.enter(ctx, all[i]) })
	}
	wait.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	return all
}

// held is an apply that waits at a kill point, with the locks.
type held struct {
	cmd    *exec.Cmd
	folder string
	out    bytes.Buffer
	done   chan struct{}
}

// holder starts an apply by programs with kill points; it returns when the
// place, operator or a host, has met the rule.
func (c *cluster) holder(t *testing.T, place, rule string) *held {
	t.Helper()
	h := &held{folder: t.TempDir(), done: make(chan struct{})}
	c.arm(t, place, h.folder, []string{rule})
	ctx, cancel := context.WithTimeout(t.Context(), verbTimeout)
	h.cmd = c.command(context.Background(), append([]string{"apply", "--yes"}, c.inventory()...)...)
	h.cmd.Path = binary(t, "PROVISION_KILL_BIN", repo+"/bin/killpoints/provision", "make killpoints")
	h.cmd.Env = append(h.cmd.Environ(), "PROVISION_KILLPOINT="+h.folder)
	h.cmd.WaitDelay = 5 * time.Second
	h.cmd.Stdout, h.cmd.Stderr = &h.out, &h.out
	require.NoError(t, h.cmd.Start())
	go func() { defer close(h.done); defer cancel(); _ = h.cmd.Wait() }()
	t.Cleanup(func() { _ = h.cmd.Process.Kill(); <-h.done }) // harmless when it has ended
	require.NoError(t, c.met(ctx, place, h.folder), "the point was not reached: %s", rule)
	return h
}

// takeOver applies again and again until it is let, and tells how long after
// the given time the first step began, how often it was refused, and whether it
// waited in the end.
func (c *cluster) takeOver(t *testing.T, since time.Time) (free time.Duration, refused int, waited bool) {
	t.Helper()
	eventually(t, 2*time.Minute, "another run takes over", func(ctx context.Context) error {
		e := &entrant{}
		if err := c.enter(ctx, e); err != nil {
			return err
		}
		if e.code == 0 {
			free, waited = e.stepped.Sub(since), e.waited
			return nil
		}
		refused++
		return &exec.Error{Name: "apply", Err: errorText(e.err.String() + e.out.String())}
	})
	return free, refused, waited
}

type errorText string

func (e errorText) Error() string { return string(e) }

// truth is what a late write would change: the ledgers, the members of etcd,
// and the revisions of what provision and Helm write to the API.
func (c *cluster) truth(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, host := range c.hosts() {
		sums := c.on(t, host, "sh", "-c", "cd /var/lib/provision && find ledger identity saved blobs -type f -exec sha256sum {} +")
		for line := range strings.Lines(sums) {
			sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
			found[host+" "+name] = sum
		}
	}
	for _, m := range c.status(t).Etcd {
		found["member "+m.Name] = map[bool]string{true: "learner", false: "voter"}[m.Learner]
	}
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	objects := a.do(t, "get", "-A", "secrets,configmaps,serviceaccounts,services,deployments,daemonsets,clusterroles,clusterrolebindings,roles,rolebindings,namespaces",
		"-o", `jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}={.metadata.resourceVersion}{"\n"}{end}`)
	for line := range strings.Lines(objects) {
		name, revision, _ := strings.Cut(strings.TrimSpace(line), "=")
		found[name] = revision
	}
	return found
}
