//go:build cluster

package coredns

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"provision/provision/kube/kubetest"
)

// The real CoreDNS, with the Corefile of the chart, beside a real API server.
func TestCorefileAnswers(t *testing.T) {
	api := kubetest.StartAPI(t)
	api.ReadyClient(t)
	port := kubetest.Port(t)
	path := filepath.Join(t.TempDir(), "Corefile")
	require.NoError(t, os.WriteFile(path, []byte(corefile(t, api, port)), 0o600))
	kubetest.Start(t, "coredns", "-conf", path)

	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+port)
	}}
	require.Eventually(t, func() bool {
		found, err := resolver.LookupHost(t.Context(), "kubernetes.default.svc.cluster.local.")
		return err == nil && assert.ObjectsAreEqual([]string{"10.96.0.1"}, found)
	}, 2*time.Minute, 50*time.Millisecond)

	start := time.Now()
	for _, name := range []string{"no-such.default.svc.cluster.local.", "www.example.org."} {
		_, err := resolver.LookupHost(t.Context(), name)
		var dns *net.DNSError
		require.ErrorAs(t, err, &dns)
		assert.True(t, dns.IsNotFound, "%s: %v", name, err)
	}
	assert.Less(t, time.Since(start), 4*time.Second, "what is not in the cluster is answered at once")
}

// corefile is the rendered one with this test's ports and way to the API.
func corefile(t *testing.T, api *kubetest.API, port string) string {
	t.Helper()
	document, _, _ := strings.Cut(strings.TrimPrefix(render(t, one(t, 3, Config{Enabled: true, CacheSeconds: 30})), "---\n"), "\n---\n")
	var object struct{ Data map[string]string }
	require.NoError(t, yaml.Unmarshal([]byte(document), &object))
	text := object.Data["Corefile"]
	for old, fresh := range map[string]string{
		":1053": ":" + port, ":8080": "127.0.0.1:" + kubetest.Port(t), ":8181": "127.0.0.1:" + kubetest.Port(t),
		":9153": "127.0.0.1:" + kubetest.Port(t), "pods insecure": "kubeconfig " + api.Kubeconfig(t) + "\n        pods insecure",
	} {
		require.Contains(t, text, old)
		text = strings.ReplaceAll(text, old, fresh)
	}
	// Loopback only, as all of a test.
	return strings.ReplaceAll(text, "        errors\n", "        errors\n        bind 127.0.0.1\n")
}
