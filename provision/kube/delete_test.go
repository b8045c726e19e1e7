package kube

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"provision/provision/cluster"
)

// holding is an API server with one Node, which goes some time after it was
// deleted, or never: 0.
func holding(t *testing.T, goes time.Duration, after string) *Client {
	t.Helper()
	var deleted atomic.Pointer[time.Time]
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		meta := `{"name":"n1","uid":"u1","resourceVersion":"1","finalizers":["example.com/gone"]`
		at := deleted.Load()
		if at != nil {
			meta += `,"deletionTimestamp":"2026-01-02T03:04:05Z"`
		}
		item, left := `{"kind":"Node","apiVersion":"v1","metadata":`+meta+`}}`, at == nil || goes == 0 || time.Since(*at) < goes
		if !left && after != "" {
			item, left = after, true
		}
		switch {
		case r.Method == http.MethodDelete:
			now := time.Now()
			deleted.Store(&now)
			fmt.Fprint(w, item)
		case r.URL.Query().Get("watch") != "":
			w.WriteHeader(http.StatusOK) // breaks off: it is listed again
		case strings.HasSuffix(r.URL.Path, "/n1") && !left:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
		case strings.HasSuffix(r.URL.Path, "/n1"):
			fmt.Fprint(w, item)
		case left:
			fmt.Fprint(w, `{"kind":"NodeList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[`+item+`]}`)
		default:
			fmt.Fprint(w, `{"kind":"NodeList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}`)
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
	return client
}

// Deleted means gone, not that the request was accepted.
func TestDeleteWaitsForFinalizers(t *testing.T) {
	ref := cluster.Ref{APIVersion: "v1", Kind: "Node", Name: "n1"}
	t.Run("held", func(t *testing.T) {
		err := holding(t, 0, "").deleteWithin(t.Context(), ref, 500*time.Millisecond)
		require.Error(t, err)
		for _, part := range []string{"being deleted since 2026-01-02T03:04:05Z", "not gone after 500ms", "held by finalizer example.com/gone",
			`kubectl patch node n1 --type merge -p '{"metadata":{"finalizers":null}}'`} {
			assert.ErrorContains(t, err, part)
		}
	})
	for name, after := range map[string]string{"let go": "", "made again by others": `{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1","uid":"u2"}}`} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, holding(t, 300*time.Millisecond, after).deleteWithin(t.Context(), ref, time.Minute))
		})
	}
	t.Run("the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, holding(t, 0, "").Delete(ctx, ref), context.DeadlineExceeded)
	})
}

func TestStatusOfANodeThatIsBeingDeleted(t *testing.T) {
	client := holding(t, 0, "")
	require.Error(t, client.deleteWithin(t.Context(), cluster.Ref{APIVersion: "v1", Kind: "Node", Name: "n1"}, time.Millisecond))
	object, err := client.Get(t.Context(), cluster.Ref{APIVersion: "v1", Kind: "Node", Name: "n1"})
	require.NoError(t, err)
	assert.Equal(t, "being deleted since 2026-01-02T03:04:05Z, held by finalizer example.com/gone", summarise(&unstructured.Unstructured{Object: object}).Held())
}
