//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/event"
	"provision/test/faults"
	"provision/test/stamped"
)

// newerKubernetes and newerEtcd are stamped builds of what is tested: as long,
// and of the same minor releases.
const (
	newerKubernetes = "1.37.2"
	newerEtcd       = "3.7.4"
)

// upgrade changes the versions of Kubernetes and etcd while clients write, with
// a worker that dies when its turn has come. The way back is TestSoakUpgrade's.
func (s *suite) upgrade(t *testing.T) {
	c := s.patched(t)
	c.workerDies(t, c.writes(t, "n1", outside))
}

// patched is a cluster whose inventory has just got newer patch releases of
// Kubernetes and etcd.
func (s *suite) patched(t *testing.T) *cluster {
	is := tested(t)
	old := sample("lab.hcl")
	c := s.named("upgrade", old)
	c.cache = s.stamped(t, append(kubernetesStamps(is.Kubernetes(), newerKubernetes), stamped.Etcd(is.Etcd(), newerEtcd)...)...)
	c.up(t)
	c.apply(t)
	c.files = []string{edited(t, old, `version     = "`+is.Kubernetes()+`"`,
		`version     = "`+newerKubernetes+"\"\n  versions { etcd = \""+newerEtcd+`" }`)}
	return c
}

// workerDies upgrades, and cuts the power of the last worker when its kubelet is
// about to be replaced.
func (c *cluster) workerDies(t *testing.T, stop func() written) {
	t.Helper()
	cut := false
	h := c.listen(t, func(e said) {
		if e.Type == string(event.StepStarted) && e.Address == `n2/binary["/usr/local/bin/kubelet"]` && !cut {
			cut = true
			require.NoError(t, c.lab.PowerCut(t.Context(), "n2"))
		}
	})
	require.True(t, cut, "n2's turn came: %s", h.all())
	assert.Equal(t, 1, h.code, "%s", h.all())
	c.inOrder(t, h)
	a, closeTunnel := c.tunnel(t)
	for _, host := range []string{"m1", "m2", "m3", "n1"} {
		assert.Equal(t, "v"+newerKubernetes, a.do(t, "get", "node", host, "-o", "jsonpath={.status.nodeInfo.kubeletVersion}"), host)
	}
	a.apply(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: written-with-a-dead-worker}\n", "apply", "-f", "-")
	closeTunnel()
	require.NoError(t, c.lab.PowerOn(t.Context(), "n2"))
	again := c.apply(t)
	w := stop()
	w.none(t)
	c.seconds(t, "upgrade of five hosts, one of which dies", h.took)
	c.seconds(t, "its second run", again.took)
	c.runAll(t, newerKubernetes)
	c.unchanged(t)
	faults.Record(t, "upgrade-worker-dies", "A worker that dies during an upgrade ends the wave, the cluster serves on, the next apply completes it, and not one acknowledged write is lost",
		"power cut when the last worker's kubelet is replaced, while another worker and the operator write", "%.1f s until the run had ended, %.1f s for the one that completed it; %s",
		h.took.Seconds(), again.took.Seconds(), w)
}

// inOrder checks when programs were replaced and restarted.
func (c *cluster) inOrder(t *testing.T, h heard) {
	t.Helper()
	begun, done := map[string]time.Time{}, map[string]time.Time{}
	for _, e := range h.events {
		switch e.Type {
		case string(event.StepStarted):
			begun[e.Address] = e.Time
		case string(event.StepDone):
			done[e.Address] = e.Time
		}
	}
	var order []string
	for _, unit := range []string{"etcd", "kube-apiserver"} {
		for _, master := range []string{"m1", "m2", "m3"} {
			order = append(order, master+`/binary["/usr/local/bin/`+unit+`"]`, master+`/unit["`+unit+`.service"]`)
			if unit == "kube-apiserver" {
				order = append(order, master+`/unit["kube-controller-manager.service"]`, master+`/unit["kube-scheduler.service"]`)
			}
		}
	}
	order = append(order, `m1/binary["/usr/local/bin/kubelet"]`, `n1/binary["/usr/local/bin/kubelet"]`)
	for i, next := range order[1:] {
		before := order[i]
		require.Contains(t, done, before)
		require.Contains(t, begun, next)
		assert.False(t, begun[next].Before(done[before]), "%s began before %s was done", next, before)
	}
}

// runAll checks what every part of the cluster says that it is.
func (c *cluster) runAll(t *testing.T, version string) {
	t.Helper()
	a, closeTunnel := c.tunnel(t)
	defer closeTunnel()
	var server struct{ ServerVersion struct{ GitVersion string } }
	require.NoError(t, json.Unmarshal([]byte(a.do(t, "version", "-o", "json")), &server))
	assert.Equal(t, "v"+version, server.ServerVersion.GitVersion)
	nodes := strings.Fields(a.do(t, "get", "nodes", "-o", "jsonpath={.items[*].status.nodeInfo.kubeletVersion}"))
	assert.Len(t, nodes, 5)
	for _, v := range nodes {
		assert.Equal(t, "v"+version, v)
	}
	for _, host := range []string{"m1", "m2", "m3"} {
		for _, unit := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"} {
			pid := strings.TrimSpace(c.on(t, host, "systemctl", "show", "-P", "MainPID", unit))
			program := c.on(t, host, "readlink", "/proc/"+pid+"/exe")
			assert.NotContains(t, program, "(deleted)", "%s on %s runs what is installed", unit, host)
		}
	}
}
