//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision/bundle/images"
)

const (
	podImage = "e2e.invalid/testpod:1"
	// onHost is where a host has testpod, when it has it.
	onHost = "/run/testpod"
	// balancer is each host's own way to all API servers.
	balancer  = "https://127.0.0.1:7443"
	clusterCA = "/etc/kubernetes/pki/ca.crt"
	dnsServer = "10.96.0.10"
	apiName   = "kubernetes.default.svc.cluster.local"
)

// buildPod compiles testpod and packs it as an image.
func (s *suite) buildPod(t *testing.T) {
	t.Helper()
	s.testpod = filepath.Join(s.folder, "testpod")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", s.testpod, "./testpod")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "building testpod: %s", out)
	program, err := os.Open(s.testpod)
	require.NoError(t, err)
	defer program.Close()
	tree, err := images.NewTree(s.folder)
	require.NoError(t, err)
	defer tree.Close()
	require.NoError(t, tree.AddFile("testpod", 0o755, program))
	layer, err := tree.Layer(s.folder)
	require.NoError(t, err)
	built, err := images.Build(images.Image{Reference: podImage, Arch: runtime.GOARCH, Entrypoint: []string{"/testpod"}, User: "65534:65534"}, layer)
	require.NoError(t, err)
	s.image = filepath.Join(s.folder, "testpod.oci.tar")
	file, err := os.Create(s.image)
	require.NoError(t, err)
	defer file.Close()
	s.manifest, err = images.Write(file, podImage, runtime.GOARCH, built)
	require.NoError(t, err)
}

// importImage gives testpod's image to hosts: they reach no registry.
func (c *cluster) importImage(t *testing.T, hosts ...string) {
	t.Helper()
	for _, host := range hosts {
		archive, err := os.Open(c.image)
		require.NoError(t, err)
		cmd, err := c.lab.Command(t.Context(), host, "ctr", "-n", "k8s.io", "images", "import", "-")
		require.NoError(t, err)
		cmd.Stdin = archive
		out, err := cmd.CombinedOutput()
		archive.Close()
		require.NoError(t, err, "importing testpod's image on %s: %s", host, out)
	}
}

const podManifest = `
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, labels: {app: %[1]s}}
spec:
  nodeName: %[2]s
  terminationGracePeriodSeconds: 0
  containers:
  - name: testpod
    image: ` + podImage + `
    imagePullPolicy: Never
    args: [serve, ":8080"]
    readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  selector: {app: %[1]s}
  ports: [{port: 80, targetPort: 8080}]
---
`

// pods starts a pod with a service of its name on each host, and waits.
func (c *cluster) pods(t *testing.T, a *api, byName map[string]string) {
	t.Helper()
	var manifest strings.Builder
	args := []string{"wait", "--for=condition=Ready", "--timeout=5m"}
	for name, host := range byName {
		c.importImage(t, host)
		fmt.Fprintf(&manifest, podManifest, name, host)
		args = append(args, "pod/"+name)
	}
	started := time.Now()
	eventually(t, 2*time.Minute, "the default service account", func(ctx context.Context) error {
		_, err := a.try(ctx, "", "get", "serviceaccount", "default")
		return err
	})
	a.apply(t, manifest.String(), "apply", "-f", "-")
	a.do(t, args...)
	c.seconds(t, "pods running", time.Since(started))
}

// in runs testpod in a pod until it succeeds: a service takes a moment to
// reach every host, and one of two DNS servers on a lost host is asked until
// its Node is NotReady (50 s: controller manager's node-monitor-grace-period).
func (c *cluster) in(t *testing.T, a *api, pod string, args ...string) string {
	t.Helper()
	var out string
	eventually(t, 2*time.Minute, "testpod in pod "+pod, func(ctx context.Context) (err error) {
		out, err = a.try(ctx, "", append([]string{"exec", pod, "--", "/testpod"}, args...)...)
		return err
	})
	return strings.TrimSpace(out)
}

// answersDNS asks the cluster's DNS from a host, without the API.
func (c *cluster) answersDNS(t *testing.T, host string) time.Duration {
	t.Helper()
	c.put(t, host, c.testpod, onHost)
	return eventually(t, 2*time.Minute, "DNS from "+host, func(ctx context.Context) error {
		out, err := c.lab.Exec(ctx, host, onHost, "resolve", apiName, dnsServer)
		if err == nil && out != "10.96.0.1" {
			err = fmt.Errorf("%s resolves to %s", apiName, out)
		}
		return err
	})
}
