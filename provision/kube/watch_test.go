package kube

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// starting is an API server that refuses everybody for a while, as one does that
// has not read yet who may do what.
func starting(t *testing.T, refusals, unready int) (client *Client, asked map[string]int) {
	t.Helper()
	asked = map[string]int{}
	var mu sync.Mutex
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.URL.Path]++
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/readyz" && asked[r.URL.Path] <= unready:
			w.WriteHeader(http.StatusInternalServerError)
		case r.URL.Path != "/readyz" && asked[r.URL.Path] <= refusals:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"nodes is forbidden","code":403}`)
		default:
			fmt.Fprint(w, `{"kind":"NodeList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1"}}]}`)
		}
	}))
	t.Cleanup(server.Close)
	client, err := New(Options{
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
		Servers: []string{"m1:6443"}, ServerName: "example.com",
		CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client, asked
}

func firstNode(t *testing.T, client *Client) (string, error) {
	name := ""
	err := client.Watch(t.Context(), Scope{Resource: nodes()}, func(object *unstructured.Unstructured, _ bool) (bool, error) {
		name = object.GetName()
		return true, nil
	})
	return name, err
}

func TestAnAPIThatStartsMayRefuseAtFirst(t *testing.T) {
	for name, c := range map[string]struct{ refusals, unready int }{
		"not ready":        {refusals: 3, unready: 3},
		"just ready since": {refusals: 1, unready: 0},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := starting(t, c.refusals, c.unready)
			node, err := firstNode(t, client)
			require.NoError(t, err)
			assert.Equal(t, "n1", node)
		})
	}
}

func TestAnAPIThatIsReadyAndRefusesIsBelieved(t *testing.T) {
	client, asked := starting(t, 1000, 2)
	_, err := firstNode(t, client)
	require.ErrorContains(t, err, "watching nodes: nodes is forbidden")
	assert.Equal(t, map[string]int{"/api/v1/nodes": 4, "/readyz": 3}, asked)
}
