//go:build cluster

package kube_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/cluster"
	"provision/provision/kube"
	"provision/provision/kube/kubetest"
)

func TestWaitReadyFollowsAStartingAPI(t *testing.T) {
	api := kubetest.StartAPI(t)
	client := api.Client(t, nil)
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	require.Error(t, client.WaitReady(short), "nothing listens yet")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, client.WaitReady(ctx))
	version, err := client.Version(ctx)
	require.NoError(t, err)
	assert.Regexp(t, `^1\.\d+\.\d+`, version)

	api.Restart(t)
	require.NoError(t, client.WaitReady(ctx), "the same client reconnects")
}

func TestNodesReadyFollowsConditions(t *testing.T) {
	client := kubetest.StartAPI(t).ReadyClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var (
		mutex sync.Mutex
		seen  []map[string]string
	)
	finished := make(chan error, 1)
	go func() {
		finished <- client.NodesReady(ctx, []string{"n1", "n2"}, func(waiting map[string]string) {
			mutex.Lock()
			defer mutex.Unlock()
			seen = append(seen, waiting)
		})
	}()
	for _, name := range []string{"n1", "other", "n2"} {
		createNode(t, client, name)
		report(t, client, name, "False", "network is not ready")
		select {
		case err := <-finished:
			t.Fatalf("ended too early: %v", err)
		default:
		}
		report(t, client, name, "True", "kubelet is posting ready status")
	}
	require.NoError(t, <-finished)
	mutex.Lock()
	defer mutex.Unlock()
	require.NotEmpty(t, seen)
	assert.Empty(t, seen[len(seen)-1])
	assert.Contains(t, fmt.Sprint(seen), "network is not ready")

	status, err := client.Status(ctx)
	require.NoError(t, err)
	require.Len(t, status.Nodes, 3)
	assert.True(t, status.Nodes[0].Ready)
}

func TestNodesReadyNamesTheMissing(t *testing.T) {
	client := kubetest.StartAPI(t).ReadyClient(t)
	createNode(t, client, "n1")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := client.NodesReady(ctx, []string{"n1", "n2"}, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "n1 (its kubelet has not reported), n2 (has not joined)")
}

func TestWatchOutlivesTheServer(t *testing.T) {
	api := kubetest.StartAPI(t)
	client := api.ReadyClient(t)
	createNode(t, client, "n1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	finished := make(chan error, 1)
	go func() { finished <- client.NodesReady(ctx, []string{"n1"}, nil) }()
	api.Restart(t)
	require.NoError(t, client.WaitReady(ctx))
	report(t, client, "n1", "True", "")
	require.NoError(t, <-finished)
}

func TestObjectsTellTheirErrors(t *testing.T) {
	client := kubetest.StartAPI(t).ReadyClient(t)
	ref := cluster.Ref{APIVersion: "v1", Kind: "Node", Name: "n1"}
	absent, err := client.Get(t.Context(), ref)
	require.NoError(t, err)
	assert.Nil(t, absent)
	createNode(t, client, "n1")
	err = client.Create(t.Context(), cluster.Object{"apiVersion": "v1", "kind": "Node", "metadata": cluster.Object{"name": "n1"}})
	require.ErrorIs(t, err, cluster.ErrExists)
	err = client.Merge(t.Context(), ref, cluster.Object{"metadata": cluster.Object{"resourceVersion": "1"}})
	require.ErrorIs(t, err, cluster.ErrConflict)
	unserved, err := client.Get(t.Context(), cluster.Ref{APIVersion: "example.org/v1", Kind: "Widget", Name: "w"})
	require.NoError(t, err)
	assert.Nil(t, unserved)
	require.NoError(t, client.Delete(t.Context(), ref))
	require.NoError(t, client.Delete(t.Context(), ref), "deleting twice")
}

func createNode(t *testing.T, client *kube.Client, name string) {
	t.Helper()
	require.NoError(t, client.Create(t.Context(), cluster.Object{"apiVersion": "v1", "kind": "Node", "metadata": cluster.Object{"name": name}}))
}

// report plays the kubelet.
func report(t *testing.T, client *kube.Client, name, status, message string) {
	t.Helper()
	kubetest.PatchStatus(t, client, "nodes", "", name, map[string]any{"conditions": []any{
		map[string]any{"type": "Ready", "status": status, "reason": "Test", "message": message},
	}})
}
