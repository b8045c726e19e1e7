package kube

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"

	"provision/provision/secret"
)

func TestFailoverTriesTheLastGoodServerFirst(t *testing.T) {
	var dialled []string
	down := map[string]bool{"a": true}
	f := &failover{servers: []string{"a", "b", "c"}, dial: func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		if down[address] {
			return nil, errors.New("refused")
		}
		conn, _ := net.Pipe()
		return conn, nil
	}}
	dial := func() error {
		dialled = nil
		conn, err := f.dialContext(t.Context(), "tcp", "kubernetes.default.svc:443")
		if err == nil {
			conn.Close()
		}
		return err
	}
	require.NoError(t, dial())
	assert.Equal(t, []string{"a", "b"}, dialled)
	require.NoError(t, dial())
	assert.Equal(t, []string{"b"}, dialled)
	down["b"], down["c"] = true, true
	err := dial()
	assert.Equal(t, []string{"b", "c", "a"}, dialled)
	for _, server := range []string{"a", "b", "c"} {
		assert.ErrorContains(t, err, "dialling "+server)
	}
	down["a"] = false
	require.NoError(t, dial())
}

func TestFailoverEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tried := 0
	f := &failover{servers: []string{"a", "b"}, dial: func(context.Context, string, string) (net.Conn, error) {
		tried++
		cancel()
		return nil, context.Canceled
	}}
	_, err := f.dialContext(ctx, "tcp", "x")
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, tried)
}

func TestNewNeedsAMaster(t *testing.T) {
	_, err := New(Options{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, nil }})
	require.ErrorContains(t, err, "no master")
	_, err = New(Options{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, nil },
		Servers: []string{"a:1"}, CA: []byte("x"), Cert: []byte("no"), Key: secret.New("pem")})
	require.Error(t, err)
}

func TestWaitReadySaysWhyItGaveUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tried := 0
	client, err := New(Options{Servers: []string{"m1:6443"}, Dial: func(context.Context, string, string) (net.Conn, error) {
		if tried++; tried == 2 {
			cancel()
		}
		return nil, errors.New("connection refused")
	}})
	require.NoError(t, err)
	defer client.Close()
	err = client.WaitReady(ctx)
	require.ErrorContains(t, err, "dialling m1:6443: connection refused")
	assert.ErrorContains(t, err, "journalctl -u kube-apiserver")
}

func TestFailedChecks(t *testing.T) {
	body := "[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\n[-]poststarthook/rbac/bootstrap-roles failed: reason withheld\nreadyz check failed\n"
	assert.Equal(t, "etcd, poststarthook/rbac/bootstrap-roles", failedChecks(body))
	assert.Empty(t, failedChecks("ok"))
}

func TestKubeconfigIsRead(t *testing.T) {
	raw, err := Kubeconfig("dc1", "https://127.0.0.1:1234", "kubernetes", []byte("ca"), []byte("cert"), secret.New("key"))
	require.NoError(t, err)
	config, err := clientcmd.Load(raw)
	require.NoError(t, err)
	assert.Equal(t, "dc1", config.CurrentContext)
	used := config.Contexts["dc1"]
	assert.Equal(t, "https://127.0.0.1:1234", config.Clusters[used.Cluster].Server)
	assert.Equal(t, "kubernetes", config.Clusters[used.Cluster].TLSServerName)
	assert.Equal(t, []byte("key"), config.AuthInfos[used.AuthInfo].ClientKeyData)
}

func TestSummarise(t *testing.T) {
	node := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "m1", "labels": map[string]any{
			"node-role.kubernetes.io/node": "", "node-role.kubernetes.io/control-plane": "", "other": "x",
		}},
		"spec": map[string]any{"unschedulable": true, "podCIDRs": []any{"10.32.0.0/24"}},
		"status": map[string]any{
			"nodeInfo":   map[string]any{"kubeletVersion": "v1.37.1", "containerRuntimeVersion": "containerd://2.2.1", "osImage": "Debian"},
			"addresses":  []any{map[string]any{"type": "Hostname", "address": "m1"}, map[string]any{"type": "InternalIP", "address": "10.0.0.11"}},
			"conditions": []any{map[string]any{"type": "Ready", "status": "False", "message": "no network"}},
		},
	}}
	assert.Equal(t, NodeStatus{
		Name: "m1", Reason: "no network", Unschedulable: true, Roles: []string{"control-plane", "node"}, Address: "10.0.0.11",
		PodCIDRs: []string{"10.32.0.0/24"}, Kubelet: "1.37.1", Runtime: "containerd://2.2.1", OS: "Debian",
	}, summarise(node))
	empty := summarise(&unstructured.Unstructured{Object: map[string]any{}})
	assert.Equal(t, "its kubelet has not reported", empty.Reason)
}

func TestNodesOfAnAPIThatNeverAnsweredAreInNoState(t *testing.T) {
	client, err := New(Options{Servers: []string{"m1:6443"}, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("refused")
	}})
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = client.NodesReady(ctx, []string{"n2", "n1"}, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "the API told of no Node so far; waited for: n1, n2")
	assert.NotContains(t, err.Error(), "joined")
}
