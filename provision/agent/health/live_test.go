package health

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/agent/api"
	"provision/provision/internal/system/systemfake"
)

// A program that hangs takes connections and says nothing; one that refuses,
// answers badly or has a certificate of its own lives.
func TestSilentIsOnlyWhoHangs(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	s := &Host{Sys: host.System, Allowed: func(netip.Addr) error { return nil }}
	hung, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer hung.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	forbids := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer forbids.Close()
	unwell := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer unwell.Close()
	require.NoError(t, host.Put("/run/nobody.sock", "", 0o600))
	deaf := filepath.Join(host.System.Files.Path("/run"), "deaf.sock")
	listener, err := net.Listen("unix", deaf)
	require.NoError(t, err)
	defer listener.Close()
	for live, silent := range map[string]bool{
		"http://" + hung.Addr().String() + "/healthz":    true,
		"https://" + hung.Addr().String() + "/healthz":   true,
		"unix:///run/deaf.sock":                          true,
		"unix:///run/nobody.sock":                        false,
		"unix:///run/absent.sock":                        false,
		"https://" + closed.Addr().String() + "/healthz": false,
		forbids.URL + "/healthz":                         false,
		unwell.URL + "/healthz":                          false,
		"nonsense":                                       false,
	} {
		within := time.Minute // who answers may take its time
		if silent {
			within = 500 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), within)
		assert.Equal(t, silent, s.silent(ctx, api.Live{URL: live}), live)
		cancel()
	}
}

// A hanging program's queue of connections is full after a while.
func TestAFullQueueOfConnectionsIsSilence(t *testing.T) {
	host, err := systemfake.Open(t.TempDir(), systemfake.Options{})
	require.NoError(t, err)
	require.NoError(t, host.Put("/run/here", "", 0o600))
	path := filepath.Join(host.System.Files.Path("/run"), "full.sock")
	socket, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer func() { _ = syscall.Close(socket) }()
	require.NoError(t, syscall.Bind(socket, &syscall.SockaddrUnix{Name: path}))
	require.NoError(t, syscall.Listen(socket, 0))
	for {
		conn, err := net.Dial("unix", path)
		if err != nil {
			require.ErrorIs(t, err, syscall.EAGAIN)
			break
		}
		defer conn.Close()
	}
	s := &Host{Sys: host.System, Allowed: func(netip.Addr) error { return nil }}
	assert.True(t, s.silent(t.Context(), api.Live{URL: "unix:///run/full.sock"}))
}
