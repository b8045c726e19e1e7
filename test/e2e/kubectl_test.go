//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// api is the cluster's API through `provision kubeconfig --tunnel`.
type api struct {
	kubectl    string
	kubeconfig string
}

// tunnel opens the way to the API. It closes with the test, or by close.
func (c *cluster) tunnel(t *testing.T) (a *api, closeTunnel func()) {
	t.Helper()
	a = &api{kubectl: c.kubectl, kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := c.command(ctx, append([]string{"kubeconfig", "--tunnel", "--out", a.kubeconfig}, c.inventory()...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(errs)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if strings.HasPrefix(lines.Text(), "Serving the API") {
			break
		}
	}
	done := make(chan struct{})
	go func() { // ends with the process
		defer close(done)
		for lines.Scan() {
			t.Log("tunnel:", lines.Text())
		}
		_ = cmd.Wait()
	}()
	closed := false
	closeTunnel = func() {
		if !closed {
			closed = true
			cancel()
			<-done
		}
	}
	t.Cleanup(closeTunnel)
	require.FileExists(t, a.kubeconfig, "the tunnel said: %s", strings.Join(said, "\n"))
	return a, closeTunnel
}

// try runs kubectl.
func (a *api) try(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, a.kubectl, append([]string{"--kubeconfig", a.kubeconfig}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// do runs kubectl, which must succeed.
func (a *api) do(t *testing.T, args ...string) string {
	t.Helper()
	return a.apply(t, "", args...)
}

// apply runs kubectl with input.
func (a *api) apply(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	out, err := a.try(ctx, stdin, args...)
	require.NoError(t, err)
	return out
}

// cluster is a field of the cluster in the kubeconfig.
func (a *api) cluster(t *testing.T, field string) string {
	t.Helper()
	return a.do(t, "config", "view", "--raw", "-o", "jsonpath={.clusters[0].cluster."+field+"}")
}

// get reads objects.
func (a *api) get(t *testing.T, into any, args ...string) {
	t.Helper()
	out := a.do(t, append([]string{"get", "-o", "json"}, args...)...)
	require.NoError(t, json.Unmarshal([]byte(out), into))
}

// node is what the journeys read of a Node.
type node struct {
	Metadata struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		Taints []struct {
			Key    string `json:"key"`
			Value  string `json:"value"`
			Effect string `json:"effect"`
		} `json:"taints"`
	} `json:"spec"`
	Status struct {
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

func (n node) ready() bool {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

func (a *api) nodes(t *testing.T) map[string]node {
	t.Helper()
	var list struct{ Items []node }
	a.get(t, &list, "nodes")
	found := map[string]node{}
	for _, n := range list.Items {
		found[n.Metadata.Name] = n
	}
	return found
}

// allReady checks that exactly these Nodes are there and Ready.
func (a *api) allReady(t *testing.T, names ...string) {
	t.Helper()
	var ready []string
	for name, n := range a.nodes(t) {
		require.True(t, n.ready(), "Node %s is not Ready", name)
		ready = append(ready, name)
	}
	require.ElementsMatch(t, names, ready)
}
