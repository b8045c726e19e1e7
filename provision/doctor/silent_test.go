package doctor_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/provision/agent/api"
	"provision/provision/doctor"
	"provision/provision/kube"
)

func TestAServiceThatHangsIsNamedBeforeWhatFollows(t *testing.T) {
	h := master("m1")
	h.Silent = []string{containerd}
	in := input(h)
	in.Nodes[0] = kube.NodeStatus{Name: "m1", Reason: "container runtime is down"}
	found := doctor.Diagnose(in)
	assert.Equal(t, []string{"m1/containerd.service/silent", "m1/node-not-ready"}, ids(found))
	assert.Equal(t, "runs but does not answer", found[0].Summary)
	assert.Contains(t, found[0].Cause, "containerd does not answer although it runs")
	assert.Equal(t, "systemctl restart containerd.service", found[0].First)
	assert.Empty(t, found[0].Fix, "an apply leaves a unit that is active as it is")
	assert.Equal(t, []string{"m1/containerd.service/silent"}, found[1].Because)
	assert.Empty(t, found[1].Fix)
}

func TestAGateOfAServiceThatHangsIsNoFindingOfItsOwn(t *testing.T) {
	h := master("m1")
	h.Silent = []string{server}
	h.Probes = []doctor.Probe{{Unit: server, URL: "https://127.0.0.1:6443/readyz", Error: "i/o timeout"}}
	in := input(h)
	in.APIError = "context deadline exceeded"
	found := doctor.Diagnose(in)
	assert.Equal(t, []string{"m1/kube-apiserver.service/silent", "cluster/api"}, ids(found))
	assert.Contains(t, found[1].Because, "m1/kube-apiserver.service/silent")
}

func TestARelayIsNotBlamedForTheAPI(t *testing.T) {
	h := master("m1")
	h.Silent, h.Relays = []string{containerd}, []string{containerd}
	in := input(h)
	in.APIError = "refused"
	assert.NotContains(t, ids(doctor.Diagnose(in)), "m1/containerd.service/silent")
	in.APIError = ""
	assert.Contains(t, ids(doctor.Diagnose(in)), "m1/containerd.service/silent")
}

func TestAHostThatIsCutOffFromTheAPI(t *testing.T) {
	m1, m2 := master("m1"), master("m2", looping(kubelet, "dial tcp 127.0.0.1:7443: connect: connection refused"))
	m1.Reaches, m2.Cut = true, true
	in := input(m1, m2)
	in.Nodes[slices.IndexFunc(in.Nodes, func(n kube.NodeStatus) bool { return n.Name == "m2" })] = kube.NodeStatus{Name: "m2", Reason: "no heartbeat"}
	found := doctor.Diagnose(in)
	assert.Equal(t, []string{"m2/no-api", "m2/kubelet.service/restarting", "m2/node-not-ready"}, ids(found))
	assert.Contains(t, found[0].Summary, "does not reach any API server")
	assert.Contains(t, found[0].First, "ip route get")
	for _, f := range found {
		assert.Empty(t, f.Fix, "%s: an apply opens no firewall", f.ID)
	}
	assert.Contains(t, found[1].Because, "m2/no-api")
	m1.Reaches, m1.Cut = false, true
	assert.NotContains(t, ids(doctor.Diagnose(input(m1, m2))), "m2/no-api", "when no host reaches it, the network of one is not the cause")
}

func TestWhatNoApplyHasStartedWasNotStopped(t *testing.T) {
	h := master("m1", api.Unit{Name: kubelet, Load: "loaded", Active: "inactive", Enabled: "disabled"})
	h.Unmade = []string{kubelet}
	h.Health.Disks = []api.Space{{Path: "/", Device: "1", Total: 100 << 30, Free: 1 << 20}}
	f := find(t, doctor.Diagnose(input(h)), "m1/kubelet.service/stopped")
	assert.Equal(t, "it was never started: the last apply did not get that far", f.Cause)
	assert.Equal(t, []string{"m1///disk-full"}, f.Because)
	assert.Equal(t, []string{"apply", "--target", "m1"}, f.Fix)
}

func TestAKeyThatCannotBeReadIsAProblem(t *testing.T) {
	h := master("m1")
	h.Drift = []doctor.Drift{{Address: `identity["/etc/kubernetes/pki/sa.key"]`, Text: "mode is 0000 instead of 0600", Units: []string{server}, Unreadable: true}}
	f := find(t, doctor.Diagnose(input(h)), "m1/kube-apiserver.service/lost")
	assert.Equal(t, doctor.Problem, f.Level)
	assert.Contains(t, f.Cause, "mode is 0000")
	assert.Equal(t, []string{"apply", "--target", "m1"}, f.Fix)
}
