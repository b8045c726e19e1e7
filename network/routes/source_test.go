package routes

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeAPI serves Nodes over TLS as an API server does.
type fakeAPI struct {
	*httptest.Server
	mu     sync.Mutex
	nodes  []string // JSON
	events chan string
	lists  int
	asked  []string
	deny   bool
}

func nodeJSON(name, address, pods string, version int) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"resourceVersion":"%d"},"spec":{"podCIDR":%q,"podCIDRs":[%q]},"status":{"addresses":[{"type":"Hostname","address":%q},{"type":"InternalIP","address":%q}],"images":[{"names":["x"]}]}}`,
		name, version, pods, pods, name, address)
}

func serve(t *testing.T) *fakeAPI {
	api := &fakeAPI{events: make(chan string, 16)}
	api.Server = httptest.NewTLSServer(api)
	t.Cleanup(func() { api.CloseClientConnections(); api.Close() })
	return api
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.Method+" "+r.URL.Path)
	deny := f.deny
	f.mu.Unlock()
	if deny {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	query := r.URL.Query()
	if query.Get("watch") == "" {
		f.list(w, query.Get("continue"))
		return
	}
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case event := <-f.events:
			if event == "end" {
				return
			}
			fmt.Fprintln(w, event)
			w.(http.Flusher).Flush()
		}
	}
}

// list gives two Nodes a page.
func (f *fakeAPI) list(w http.ResponseWriter, from string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lists++
	first, next := 0, ""
	_, _ = fmt.Sscan(from, &first)
	last := min(first+2, len(f.nodes))
	if last < len(f.nodes) {
		next = fmt.Sprint(last)
	}
	fmt.Fprintf(w, `{"metadata":{"resourceVersion":"100","continue":%q},"items":[%s]}`, next, strings.Join(f.nodes[first:last], ","))
}

// follow runs a source on the API.
func follow(t *testing.T, known map[string]Node, apis ...*fakeAPI) (told chan []Node, log func() string) {
	t.Helper()
	dir := t.TempDir()
	c := cluster(ViaNodes)
	c.CA, c.Cert, c.Key = filepath.Join(dir, "ca"), filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	var ca []byte
	for _, api := range apis {
		c.APIs = append(c.APIs, strings.TrimPrefix(api.URL, "https://"))
		ca = append(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})...)
	}
	key, err := marshalKey(apis[0])
	require.NoError(t, err)
	for path, content := range map[string][]byte{c.CA: ca, c.Cert: ca, c.Key: key} {
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
	told = make(chan []Node, 16)
	var mu sync.Mutex
	var lines []string
	s := &Source{Config: c, Nodes: known, Known: func(list []Node) { told <- list }, Log: func(line string) { mu.Lock(); defer mu.Unlock(); lines = append(lines, line) }}
	go s.Run(t.Context())
	return told, func() string { mu.Lock(); defer mu.Unlock(); return strings.Join(lines, "\n") }
}

func names(list []Node) string {
	var all []string
	for _, n := range list {
		all = append(all, n.Name+" "+n.Address.String()+" "+n.Pods.String())
	}
	return strings.Join(all, "; ")
}

func TestNodesAreListedAndWatched(t *testing.T) {
	api := serve(t)
	api.nodes = []string{nodeJSON("n1", "192.0.2.1", "10.32.1.0/24", 1), nodeJSON("n2", "192.0.2.2", "10.32.2.0/24", 2), nodeJSON("n3", "192.0.2.3", "10.32.3.0/24", 3)}
	told, _ := follow(t, map[string]Node{}, api)
	assert.Equal(t, "n1 192.0.2.1 10.32.1.0/24; n2 192.0.2.2 10.32.2.0/24; n3 192.0.2.3 10.32.3.0/24", names(<-told), "two pages")
	api.events <- `{"type":"MODIFIED","object":` + nodeJSON("n1", "192.0.2.1", "10.32.1.0/24", 101) + `}`
	api.events <- `{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"105"}}}`
	api.events <- `{"type":"DELETED","object":` + nodeJSON("n1", "192.0.2.1", "10.32.1.0/24", 106) + `}`
	assert.Equal(t, "n2 192.0.2.2 10.32.2.0/24; n3 192.0.2.3 10.32.3.0/24", names(<-told), "a Node that is as it was is not told of")
	api.events <- "end"
	api.events <- `{"type":"ADDED","object":` + nodeJSON("n4", "192.0.2.4", "10.32.4.0/24", 107) + `}`
	assert.Len(t, <-told, 3, "the watch goes on where it ended")
	api.mu.Lock()
	assert.Equal(t, 2, api.lists)
	for _, asked := range api.asked {
		assert.Equal(t, "GET /api/v1/nodes", asked)
	}
	api.nodes = api.nodes[:1]
	api.mu.Unlock()
	api.events <- `{"type":"ERROR","object":{"code":410,"message":"too old"}}`
	assert.Equal(t, "n1 192.0.2.1 10.32.1.0/24", names(<-told), "what was missed is listed")
}

func TestASilentAPIAndAnEmptyOneTakeNothingAway(t *testing.T) {
	empty := serve(t)
	told, log := follow(t, map[string]Node{"n1": node("n1", "192.0.2.1", "10.32.1.0/24")}, empty)
	soon(t, 3*time.Second, "it says so", func() bool { return strings.Contains(log(), "knows no Node at all") })
	empty.mu.Lock()
	empty.deny = true
	empty.mu.Unlock()
	empty.events <- "end"
	soon(t, 5*time.Second, "it says so", func() bool { return strings.Contains(log(), "all routes stay") && strings.Contains(log(), "403") })
	assert.Empty(t, told)
}

func TestAnotherAPIServerIsAsked(t *testing.T) {
	bad, good := serve(t), serve(t)
	bad.deny = true
	good.nodes = []string{nodeJSON("n1", "192.0.2.1", "10.32.1.0/24", 1)}
	told, log := follow(t, map[string]Node{}, bad, good)
	assert.Len(t, <-told, 1)
	assert.Empty(t, log(), "one of two is no reason to say anything")
}

func TestEventsOfAnyKindAreRead(t *testing.T) {
	s := &Source{Config: cluster(ViaNodes), Nodes: map[string]Node{}, Known: func([]Node) {}}
	require.ErrorContains(t, s.take("ERROR", json.RawMessage(`{"code":500,"message":"broken"}`)), "broken")
	require.ErrorIs(t, s.take("ERROR", json.RawMessage(`{"code":410}`)), errGone)
	require.Error(t, s.take("ADDED", json.RawMessage(`[]`)))
	require.NoError(t, s.take("ADDED", json.RawMessage(`{"metadata":{"name":"odd"},"spec":{"podCIDR":"x"},"status":{"addresses":[{"type":"InternalIP","address":"y"}]}}`)))
	assert.False(t, s.Nodes["odd"].Pods.IsValid())
}
