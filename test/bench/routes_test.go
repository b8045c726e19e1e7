//go:build bench

package bench

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"provision/network/routes"
)

const (
	routeNodes  = 1000
	maxResident = 48 << 10 // KiB of provision-routes
)

// TestRoutesToAThousandNodes runs provision-routes in a network of its own, with
// an API that tells of a thousand Nodes of 10 KB each.
func TestRoutesToAThousandNodes(t *testing.T) {
	program := filepath.Join(t.TempDir(), "provision-routes")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-gcflags=all=-l", "-ldflags", "-s -w", "-o", program, "../../cmd/provision-routes").CombinedOutput()
	require.NoError(t, err, "%s", out)
	runtime.LockOSThread() // never unlocked: the thread and its network end with the test
	require.NoError(t, unix.Unshare(unix.CLONE_NEWNET))
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(lo))
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "rack"}}
	require.NoError(t, netlink.LinkAdd(bridge))
	require.NoError(t, netlink.AddrAdd(bridge, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 9, 0, 1).To4(), Mask: net.CIDRMask(16, 32)}}))
	require.NoError(t, netlink.LinkSetUp(bridge))

	folder := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	events := make(chan string)
	pair := certificate(t, folder)
	server := &http.Server{Handler: thousand(events), TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	defer server.Close()
	config := routes.Config{Pods: netip.MustParsePrefix("10.32.0.0/12"), Via: routes.ViaNodes, APIs: []string{listener.Addr().String()},
		CA: folder + "/crt", Cert: folder + "/crt", Key: folder + "/key", State: folder + "/nodes.json"}
	text, err := json.Marshal(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(folder+"/routes.json", text, 0o600))

	began := time.Now()
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, folder+"/routes.json") // in the network of this thread
	cmd.Env = append(os.Environ(), "GOGC=50", "GOMEMLIMIT=64MiB")
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	first := until(t, began, routeNodes)
	for _, r := range ours(t) {
		require.NoError(t, netlink.RouteDel(&r))
	}
	flushed := until(t, time.Now(), routeNodes)
	began = time.Now()
	events <- `{"type":"DELETED","object":` + bigNode(7) + `}`
	gone := until(t, began, routeNodes-1)
	now, most := memory(t, cmd.Process.Pid)
	t.Logf("1,000 Nodes: listed and set in %v; flushed, all back in %v; one Node deleted, its route gone in %v; memory %d KiB, at most %d KiB",
		first, flushed, gone, now, most)
	assert.Less(t, flushed, time.Second)
	assert.Less(t, gone, 2*time.Second)
	assert.Less(t, now, maxResident)
}

// ours are the routes with our mark.
func ours(t *testing.T) []netlink.Route {
	t.Helper()
	list, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: routes.Protocol}, netlink.RT_FILTER_PROTOCOL)
	require.NoError(t, err)
	return list
}

func until(t *testing.T, began time.Time, want int) time.Duration {
	t.Helper()
	for time.Since(began) < 30*time.Second {
		if len(ours(t)) == want {
			return time.Since(began).Round(time.Millisecond)
		}
		<-time.After(5 * time.Millisecond)
	}
	require.Len(t, ours(t), want)
	return 0
}

// memory is what the process has resident, now and at most, in KiB.
func memory(t *testing.T, pid int) (now, most int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "VmRSS: %d", &now)
		_, _ = fmt.Sscanf(line, "VmHWM: %d", &most)
	}
	return now, most
}

func bigNode(i int) string {
	images := strings.Repeat(`{"names":["registry.example/some/image@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"],"sizeBytes":123456},`, 70)
	return fmt.Sprintf(`{"metadata":{"name":"n%d","resourceVersion":"%d"},"spec":{"podCIDR":"10.%d.%d.0/24"},"status":{"addresses":[{"type":"InternalIP","address":"10.9.%d.%d"}],"images":[%s{}]}}`,
		i, i+1, 32+i/256, i%256, 1+i/200, 1+i%200, images)
}

// thousand serves Nodes in pages, and events to who watches.
func thousand(events <-chan string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if query.Get("watch") != "" {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			for {
				select {
				case <-r.Context().Done():
					return
				case event := <-events:
					fmt.Fprintln(w, event)
					w.(http.Flusher).Flush()
				}
			}
		}
		var from, limit int
		_, _ = fmt.Sscan(query.Get("continue"), &from)
		_, _ = fmt.Sscan(query.Get("limit"), &limit)
		var items []string
		for i := from; i < min(from+limit, routeNodes); i++ {
			items = append(items, bigNode(i))
		}
		next := ""
		if from+limit < routeNodes {
			next = fmt.Sprint(from + limit)
		}
		fmt.Fprintf(w, `{"metadata":{"resourceVersion":"5000","continue":%q},"items":[%s]}`, next, strings.Join(items, ","))
	}
}

// certificate is one for loopback that verifies itself.
func certificate(t *testing.T, folder string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	crt, private := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	require.NoError(t, os.WriteFile(folder+"/crt", crt, 0o600))
	require.NoError(t, os.WriteFile(folder+"/key", private, 0o600))
	pair, err := tls.X509KeyPair(crt, private)
	require.NoError(t, err)
	return pair
}
