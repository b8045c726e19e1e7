package agent_test

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/wire"
)

// listen answers each connection with what it sent, once it has ended its half.
func listen(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				all, _ := io.ReadAll(conn)
				_, _ = conn.Write(append([]byte("got "), all...))
			}()
		}
	}()
	return listener.Addr().String()
}

func TestDialCarriesBytesAndHalfCloses(t *testing.T) {
	s := newHost(t).session(t, sessionOptions{})
	conn, err := s.Dial(t.Context(), listen(t))
	require.NoError(t, err)
	large := make([]byte, 1<<20)
	_, err = conn.Write(large)
	require.NoError(t, err)
	require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
	got, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Len(t, got, len(large)+4)
	require.NoError(t, conn.Close())
}

func TestDialEndsWithTheSession(t *testing.T) {
	s := newHost(t).session(t, sessionOptions{})
	conn, err := s.Dial(t.Context(), listen(t))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = conn.Read(make([]byte, 1))
	assert.Error(t, err)
	_, err = s.Dial(t.Context(), "127.0.0.1:1")
	assert.Error(t, err)
}

func TestDialReachesOnlyTheCluster(t *testing.T) {
	h := newHost(t)
	s := h.locked(t)
	require.NoError(t, api.Roster.Do(t.Context(), s, facts.Roster{Hosts: []facts.RosterHost{{Name: "m2", Address: "127.9.9.9"}}}))
	for address, want := range map[string]string{
		"192.0.2.1:443":    "neither the host's own",
		"example.test:443": "not IP:PORT",
		"127.0.0.1:1":      "connection refused",
	} {
		_, err := s.Dial(t.Context(), address)
		assert.ErrorContains(t, err, "m1: dialling "+address)
		assert.ErrorContains(t, err, want)
	}
}

func TestProbeWaitsUntilReady(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			http.Error(w, "[-]etcd failed", http.StatusInternalServerError)
			return
		}
		assert.Equal(t, "/readyz?verbose", r.URL.String())
	}))
	t.Cleanup(server.Close)
	h := newHost(t)
	h.write(t, "/etc/ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	s := h.session(t, sessionOptions{})
	params := api.ProbeParams{URL: server.URL + "/readyz?verbose", CA: "/etc/ca.crt"}
	err := api.Probe.Do(t.Context(), s, params)
	require.ErrorContains(t, err, "[-]etcd failed", "what the server said shows")
	params.Within = time.Minute
	err = api.Probe.Do(t.Context(), s, params)
	require.NoError(t, err)

	params.CA, params.Within = "", 0
	err = api.Probe.Do(t.Context(), s, params)
	assert.ErrorContains(t, err, "certificate", "an unknown authority is not ready")
	params.Shows = true
	err = api.Probe.Do(t.Context(), s, params)
	require.NoError(t, err, "but it is there")
	server.Close()
	err = api.Probe.Do(t.Context(), s, params)
	require.ErrorContains(t, err, "did not become ready", "and then it is not")
	for _, url := range []string{"https://192.0.2.1/", "file:///etc/passwd", "https://example.test/"} {
		err = api.Probe.Do(t.Context(), s, api.ProbeParams{URL: url})
		assert.True(t, wire.IsCode(err, api.CodeBadRequest), url)
	}
}
