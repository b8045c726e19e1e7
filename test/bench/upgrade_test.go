//go:build bench

package bench

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"provision/provision/bundle"
	"provision/provision/bundle/store"
	"provision/provision/inventory"
	"provision/provision/parts"
	"provision/test/stamped"
)

const (
	newerKubernetes = "1.37.2"
	newerEtcd       = "3.7.4"
)

// upgradeRun is a run beside what a loop does on the same hosts at the same time.
type upgradeRun struct {
	labRun
	Peer        string  `json:"peer"`
	PeerSeconds float64 `json:"peer_seconds"`
	Ratio       float64 `json:"ratio"` // of the run to its peer
}

// TestUpgradeOfFiveHosts measures another Kubernetes and etcd on five lab hosts,
// and the apply after it that changes nothing, each against a loop over the
// hosts: one that copies and restarts the same programs with nothing drained,
// checked or kept, and one that runs "true".
func TestUpgradeOfFiveHosts(t *testing.T) {
	require.Zero(t, os.Geteuid(), "lab hosts take root")
	raw, err := os.ReadFile("../../inventories/lab.hcl")
	require.NoError(t, err)
	inv, problems := inventory.Load(t.Context(), inventory.Options{Parts: parts.All(), Paths: []string{"../../inventories/lab.hcl"}})
	require.NoError(t, problems.Err())
	is := inv.Cluster.Versions
	dir := t.TempDir()
	require.NoError(t, stamped.Store(dir, append(stamped.Kubernetes(is.Kubernetes(), newerKubernetes), stamped.Etcd(is.Etcd(), newerEtcd)...)...))
	t.Setenv("PROVISION_CACHE", dir)
	older, newer := filepath.Join(t.TempDir(), "older.hcl"), filepath.Join(t.TempDir(), "newer.hcl")
	require.NoError(t, os.WriteFile(older, raw, 0o600))
	wanted := strings.Replace(string(raw), `version     = "`+is.Kubernetes()+`"`, `version     = "`+newerKubernetes+"\"\n  versions { etcd = \""+newerEtcd+`" }`, 1)
	require.Contains(t, wanted, newerEtcd)
	require.NoError(t, os.WriteFile(newer, []byte(wanted), 0o600))

	b := bootLab(t, older)
	b.measure(t, "cold apply", b.files)
	var runs []upgradeRun
	add := func(name, peer string, loop func(context.Context, *testing.T)) {
		one := upgradeRun{labRun: b.measure(t, name, []string{newer}), Peer: peer}
		began := time.Now()
		loop(t.Context(), t)
		one.PeerSeconds = time.Since(began).Seconds()
		one.Ratio = one.Seconds / one.PeerSeconds
		runs = append(runs, one)
	}
	add("upgrade of five hosts", "copy and restart in a loop", b.replaceAll)
	add("no-op after all that", "true in a loop", b.runTrue)
	for _, r := range runs {
		t.Logf("%-22s %7.2f s   operator %6.2f CPU s   machine %7.2f CPU s   %8.1f MB sent   peer (%s) %7.2f s   ratio %.2f",
			r.Name, r.Seconds, r.OperatorCPU, r.MachineCPU, r.MegabytesSent, r.Peer, r.PeerSeconds, r.Ratio)
	}
	writeAny(t, "upgrade", runs)
}

// runTrue runs "true" on each host.
func (b *labBench) runTrue(ctx context.Context, t *testing.T) {
	for _, h := range b.lab.Hosts() {
		_, err := b.lab.Exec(ctx, h.Name, "true")
		require.NoError(t, err)
	}
}

// replaceAll copies the programs that an upgrade brings to each host and restarts
// their units there, host after host.
func (b *labBench) replaceAll(ctx context.Context, t *testing.T) {
	own, err := store.Open(store.Options{})
	require.NoError(t, err)
	master := []bundle.Ref{{Name: "etcd", Version: newerEtcd}, {Name: "etcdctl", Version: newerEtcd}, {Name: "etcdutl", Version: newerEtcd},
		{Name: "kube-apiserver"}, {Name: "kube-controller-manager"}, {Name: "kube-scheduler"}, {Name: "kubectl"}}
	node := []bundle.Ref{{Name: "kubelet"}, {Name: "kube-proxy"}}
	for _, h := range b.lab.Hosts() {
		refs := node
		if strings.HasPrefix(h.Name, "m") {
			refs = append(append([]bundle.Ref(nil), master...), node...)
		}
		for _, ref := range refs {
			if ref.Arch = runtime.GOARCH; ref.Version == "" {
				ref.Version = newerKubernetes
			}
			found, err := own.Resolve(ref)
			require.NoError(t, err)
			blob, err := own.Open(found[0].SHA256)
			require.NoError(t, err)
			b.replace(ctx, t, h.Name, ref.Name, blob)
			require.NoError(t, blob.Close())
		}
	}
}

func (b *labBench) replace(ctx context.Context, t *testing.T, host, program string, content io.Reader) {
	script := "cat >/usr/local/bin/$1.peer && chmod 755 /usr/local/bin/$1.peer && mv /usr/local/bin/$1.peer /usr/local/bin/$1 && if systemctl -q is-active $1; then systemctl restart $1; fi"
	cmd, err := b.lab.Command(ctx, host, "sh", "-ec", script, "replace", program)
	require.NoError(t, err)
	cmd.Stdin = content
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
