//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	// writesPerSecond are shared by all that write at the same time.
	writesPerSecond = 100
	// writesLife ends a load that nobody stops. Its token lasts a little longer.
	writesLife = "40m"
	// outside is where the operator is: it writes through provision's tunnel.
	outside = "outside"
	// inPod precedes the host of a pod that writes.
	inPod = "pod/"
	// writesPort is where a pod tells what became of its writes.
	writesPort = "18081"
	// servedInPods is how pods reach the API.
	servedInPods = "https://10.96.0.1:443"
)

// written is what became of writes that went on while something else happened.
type written struct {
	Acked   int
	Refused int           // not acknowledged: they may have been made or not
	Lost    int           // acknowledged, and not there when read back
	Gap     time.Duration `json:"gap_ns"` // longest time without an acknowledgement
	Took    time.Duration `json:"took_ns"`
	Last    string        // the last failure
	From    map[string]written
}

// String is a figure for a table or a row of faults.
func (w written) String() string {
	parts := []string{fmt.Sprintf("%d writes acknowledged at %.0f a second, %d lost, %d refused", w.Acked, float64(w.Acked)/w.Took.Seconds(), w.Lost, w.Refused)}
	for _, from := range slices.Sorted(maps.Keys(w.From)) {
		parts = append(parts, fmt.Sprintf("longest gap from %s %.1f s", from, w.From[from].Gap.Seconds()))
	}
	return strings.Join(parts, ", ")
}

// none checks that nothing that was acknowledged is lost, and that there were
// enough writes to tell.
func (w written) none(t *testing.T) {
	t.Helper()
	for from, one := range w.From {
		assert.Zero(t, one.Lost, "acknowledged writes from %s that are lost: %s", from, one.Last)
		assert.Positive(t, one.Acked, "writes from %s: %s", from, one.Last)
	}
}

// writes writes 100 ConfigMaps a second to the API until stop, which reads them
// back and compares. They come in equal parts from: a host, by its name, through
// its own balancer; "pod/HOST", a pod there, through the service of the API; and
// outside, through a tunnel.
func (c *cluster) writes(t *testing.T, from ...string) (stop func() written) {
	t.Helper()
	a, closeTunnel := c.tunnel(t)
	namespace := fmt.Sprintf("writes-%d", time.Now().UnixNano()/1000)
	a.apply(t, fmt.Sprintf(writesManifest, namespace), "apply", "-f", "-")
	token := a.do(t, "create", "token", "writer", "-n", namespace, "--duration=1h")
	rate := max(1, writesPerSecond/len(from))
	stops := map[string]func() written{}
	began := time.Now()
	for _, one := range from {
		l := writeLoad{c: c, namespace: namespace, token: token, rate: strconv.Itoa(rate)}
		switch host, pod := strings.CutPrefix(one, inPod); {
		case one == outside:
			stops[one] = l.outside(t, a)
		case pod:
			stops[one] = l.pod(t, a, host)
		default:
			stops[one] = l.host(t, one)
		}
	}
	if _, ok := stops[outside]; !ok {
		closeTunnel()
	}
	return func() written {
		t.Helper()
		sum := written{From: map[string]written{}}
		took := time.Since(began)
		for one, stop := range stops {
			w := stop()
			sum.From[one] = w
			sum.Acked, sum.Refused, sum.Lost = sum.Acked+w.Acked, sum.Refused+w.Refused, sum.Lost+w.Lost
			sum.Gap = max(sum.Gap, w.Gap)
			took = min(took, w.Took)
			if w.Last != "" {
				sum.Last = one + ": " + w.Last
			}
		}
		sum.Took = took
		closeTunnel()
		a, closeTunnel := c.tunnel(t)
		defer closeTunnel()
		a.do(t, "delete", "namespace", namespace, "--timeout=5m")
		return sum
	}
}

// writeLoad starts one part of the writes.
type writeLoad struct {
	c                      *cluster
	namespace, token, rate string
}

func (l writeLoad) args(server, ca, token string) []string {
	return []string{"write", server, ca, token, l.namespace, l.rate, writesLife}
}

func (l writeLoad) host(t *testing.T, host string) func() written {
	t.Helper()
	l.c.put(t, host, l.c.testpod, onHost)
	file := "/run/" + l.namespace + ".token"
	cmd, err := l.c.lab.Command(t.Context(), host, "sh", "-c", `umask 077 && cat >"$1"`, "put", file)
	require.NoError(t, err)
	cmd.Stdin = strings.NewReader(l.token)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	cmd, err = l.c.lab.Command(t.Context(), host, append([]string{onHost}, l.args(balancer, clusterCA, file)...)...)
	require.NoError(t, err)
	return writing(t, cmd)
}

func (l writeLoad) outside(t *testing.T, a *api) func() written {
	t.Helper()
	tokenFile := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(tokenFile, []byte(l.token), 0o600))
	return writing(t, exec.CommandContext(t.Context(), l.c.testpod, l.args(a.cluster(t, "server"), l.c.outsideCA(t, a), tokenFile)...))
}

// outsideCA is what those who write from outside trust: the CA of a kubeconfig.
func (c *cluster) outsideCA(t *testing.T, a *api) string {
	t.Helper()
	ca, err := base64.StdEncoding.DecodeString(a.cluster(t, "certificate-authority-data"))
	require.NoError(t, err)
	file := filepath.Join(c.folder, c.name+"-ca.crt")
	require.NoError(t, os.WriteFile(file+".new", ca, 0o600))
	require.NoError(t, os.Rename(file+".new", file))
	return file
}

// writing starts testpod. It ends with its standard input.
func writing(t *testing.T, cmd *exec.Cmd) func() written {
	t.Helper()
	var errs strings.Builder
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	require.NoError(t, err, "%s", errs.String())
	require.Equal(t, "writing\n", first)
	return func() written {
		t.Helper()
		in.Close()
		rest, err := io.ReadAll(lines)
		require.NoError(t, err)
		require.NoError(t, cmd.Wait(), "%s", errs.String())
		return readWritten(t, rest)
	}
}

func readWritten(t *testing.T, raw []byte) written {
	t.Helper()
	var w written
	require.NoError(t, json.Unmarshal(raw, &w), "%s", raw)
	return w
}

// pod is of a DaemonSet, so that no drain takes it away.
func (l writeLoad) pod(t *testing.T, a *api, host string) func() written {
	t.Helper()
	l.c.importImage(t, host)
	l.c.put(t, host, l.c.testpod, onHost)
	const mounted = "/var/run/secrets/kubernetes.io/serviceaccount/"
	args, err := json.Marshal(append(l.args(servedInPods, mounted+"ca.crt", mounted+"token"), ":"+writesPort))
	require.NoError(t, err)
	a.apply(t, fmt.Sprintf(writerManifest, host, l.namespace, args), "apply", "-f", "-")
	a.do(t, "rollout", "status", "daemonset/writer-"+host, "-n", l.namespace, "--timeout=5m")
	ip := a.do(t, "get", "pods", "-n", l.namespace, "-l", "app=writer-"+host, "-o", "jsonpath={.items[0].status.podIP}")
	require.NotEmpty(t, ip)
	return func() written {
		t.Helper()
		var w written
		eventually(t, 3*time.Minute, "what the pod on "+host+" wrote", func(ctx context.Context) error {
			out, err := l.c.lab.Exec(ctx, host, onHost, "get", "http://"+ip+":"+writesPort+"/")
			if err == nil {
				w = readWritten(t, []byte(out))
			}
			return err
		})
		return w
	}
}

const writesManifest = `
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: writer, namespace: %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: writer, namespace: %[1]s}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [get, list, create, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: writer, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: writer}
subjects:
- {kind: ServiceAccount, name: writer, namespace: %[1]s}
`

const writerManifest = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: writer-%[1]s, namespace: %[2]s}
spec:
  selector: {matchLabels: {app: writer-%[1]s}}
  template:
    metadata: {labels: {app: writer-%[1]s}}
    spec:
      serviceAccountName: writer
      nodeSelector: {kubernetes.io/hostname: %[1]s}
      tolerations: [{operator: Exists}]
      terminationGracePeriodSeconds: 0
      containers:
      - name: writer
        image: ` + podImage + `
        imagePullPolicy: Never
        args: %[3]s
        readinessProbe: {tcpSocket: {port: ` + writesPort + `}, periodSeconds: 1}
`
