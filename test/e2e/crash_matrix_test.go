//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"provision/test/faults"
)

// Points as rules name them: regular expressions.
const (
	etcdUnit     = `unit\["etcd.service"\]`
	kubeletUnit  = `unit\["kubelet.service"\]`
	kubeletFile  = `file\["/etc/kubernetes/kubelet.yaml"\]`
	importImage  = `run:(\d+) ctr .*import .* (\S+)`
	etcdStarting = `unit:starting etcd.service`
	etcdQueued   = `unit:queued starting etcd.service`
)

type rules = map[string][]string

// noEtcd keeps etcd from being started before its turn has come, neither the
// images of n2.
func noEtcd() string  { return block("step m./" + etcdUnit) }
func noImage() string { return block(`step n2/image\[.*`) }

// operatorFirst kills the operator while a cluster is made; the order is that
// of a run, so that each next one gets further.
func operatorFirst() []strike {
	alone := []string{operator}
	return []strike{
		{rows: "kill-lock", rules: rules{operator: {killAt(1, "locked")}}},
		{rows: "kill-ca", rules: rules{operator: {block("putting (m[23]|n.)"), killAt(1, "put m1")}}, seen: caOnOne},
		{rows: "kill-ca", rules: rules{operator: {block("committing (m[23]|n.)"), killAt(1, "committed m1")}}, seen: caOnOne},
		{rows: "kill-upload", rules: rules{operator: {noEtcd(), noImage(), killAt(150, "sent n1")}}, seen: partOn("n1")},
		{rows: "kill-ledger", rules: rules{operator: {noEtcd(), noImage()}, "n1": {meetAt(5, "recorded .*")}}, meet: "n1", kill: alone},
		{rows: "kill-rename", rules: rules{operator: {noEtcd(), noImage()}, "m2": {meetAt(3, "write:written /etc/.*")}}, meet: "m2", kill: alone},
		{rows: "kill-image", rules: rules{operator: {noEtcd()}, "n2": {meetAt(1, importImage)}}, meet: "n2", kill: alone},
		{rows: "kill-etcd", rules: rules{operator: {block("step m[23]/" + etcdUnit)}, "m1": {meetAt(1, etcdQueued)}},
			meet: "m1", kill: alone, seen: etcdOnOne},
		{rows: "kill-node", rules: rules{operator: {block("step n1/" + kubeletUnit), killAt(1, `done cluster/node\["n1"\]`)}}, seen: noKubelet("n1")},
		{rows: "kill-helm-install", rules: rules{operator: {killAt(1, "release coredns pending-install")}}},
	}
}

// operatorLater kills it while a cluster is changed.
func operatorLater() []strike {
	return []strike{
		{rows: "kill-restart", edits: otherKubelet(), seen: restartOf("n1"),
			rules: rules{operator: {block("step n1/" + kubeletUnit), killAt(1, "done n1/"+kubeletFile)}}},
		{rows: "kill-helm-upgrade", edits: otherDNS(), rules: rules{operator: {killAt(1, "release coredns pending-upgrade")}}},
	}
}

// agentsFirst kills agents while a cluster is made, on several hosts at once
// where the points do not depend on each other. A run that loses most of its
// masters stops; one without workers would wait for CoreDNS, which has no place.
func agentsFirst() []strike {
	return []strike{
		{rows: "kill-lock", rules: rules{"m1": {killAt(1, "locked")}}},
		{rows: "kill-ca", rules: rules{"m2": {killAt(1, "identity item")}, "m3": {killAt(1, "identity item")}}, seen: caOnOne},
		{rows: "kill-ca", rules: rules{"m2": {killAt(1, "identity committing")}, "m3": {killAt(1, "identity committing")}}, seen: caOnOne},
		{rows: "kill-etcd", meet: "m1", kill: []string{"m1", operator}, seen: etcdOnOne, rules: rules{
			operator: {block("step m[23]/" + etcdUnit), block("step n./.*")}, "m1": {meetAt(1, etcdQueued)}}},
		{rows: "kill-ledger kill-rename kill-upload kill-helm-install", meet: operator, kill: []string{"m2", "m3"},
			seen: all(leftover("n1"), partOn("n2")), rules: rules{
				operator: {meetAt(1, "release coredns pending-install")}, "m1": {killAt(3, "recorded .*")},
				"n1": {killAt(3, "write:written /etc/.*")}, "n2": {killAt(150, "blob:received")}}},
		{rows: "kill-node", meet: "n1", kill: []string{"n1", operator}, seen: noKubelet("n1"), rules: rules{
			operator: {block(`step n1/image\["registry.k8s.io/coredns/.*`)}, "n1": {meetAt(1, "unit:starting kubelet.service")}}},
		{rows: "kill-image", rules: rules{"n1": {"strand 1 " + importImage}}},
		{rows: "kill-image", rules: rules{"n1": {killAt(1, "image:imported")}}},
	}
}

// agentsLater kills them while a cluster is changed.
func agentsLater() []strike {
	return []strike{
		// A setting goes out in waves: what fails on a master ends the run before a worker's turn.
		{rows: "kill-restart", edits: otherKubelet(), rules: rules{"m3": {killAt(1, "acting kubelet.service")}}},
		{rows: "kill-restart", edits: otherKubelet(), seen: restartOf("n1"), rules: rules{"n1": {killAt(1, "applied "+kubeletFile)}}},
		{rows: "kill-helm-upgrade", edits: otherDNS(), meet: operator, kill: []string{"m1", "m2", "m3"},
			rules: rules{operator: {meetAt(1, "release coredns pending-upgrade")}}},
	}
}

// learnerStrikes kill while a second etcd member joins: before its etcd runs,
// and when that runs but has no vote yet.
func learnerStrikes() []strike {
	return []strike{
		{rows: "kill-learner", rules: rules{"g2": {killAt(1, etcdStarting)}}, seen: oneLearner},
		{rows: "kill-learner", rules: rules{operator: {killAt(1, `step cluster/etcdmember\["g2"\]`)}}, seen: oneLearner},
	}
}

// oneLearner: etcd has a member without a vote.
func oneLearner(t *testing.T, c *cluster) {
	t.Helper()
	learners := 0
	for _, m := range c.status(t).Etcd {
		if m.Learner {
			learners++
		}
	}
	assert.Equal(t, 1, learners)
}

// otherKubelet and otherDNS are changes of inventories/lab.hcl.
func otherKubelet() []string {
	return []string{"failCgroupV1 = false", "failCgroupV1 = false\n    maxPods      = 42"}
}

func otherDNS() []string {
	return append(otherKubelet(), "time {", "addon \"coredns\" {\n  cache_seconds = 20\n}\n\ntime {")
}

// all looks for several things.
func all(seen ...func(*testing.T, *cluster)) func(*testing.T, *cluster) {
	return func(t *testing.T, c *cluster) {
		t.Helper()
		for _, look := range seen {
			look(t, c)
		}
	}
}

// caOnOne: one of three masters has the cluster's key, or has it for good.
func caOnOne(t *testing.T, c *cluster) {
	t.Helper()
	have := map[string]string{}
	for _, host := range []string{"m1", "m2", "m3"} {
		have[host] = c.on(t, host, "sh", "-c", `cd /var/lib/provision/identity 2>/dev/null && find . -name cluster.key | sort | tr '\n' ' '; true`)
	}
	assert.NotEmpty(t, have["m1"], "%v", have)
	assert.NotEqual(t, have["m1"], have["m2"], "%v", have)
	assert.NotEqual(t, have["m1"], have["m3"], "%v", have)
}

// partOn: a part of a blob is on the host.
func partOn(host string) func(*testing.T, *cluster) {
	return func(t *testing.T, c *cluster) {
		t.Helper()
		assert.NotEmpty(t, c.on(t, host, "find", "/var/lib/provision/blobs", "-name", "*.part", "-size", "+0"), "a blob was cut off")
	}
}

// etcdOnOne: etcd runs on one of three hosts.
func etcdOnOne(t *testing.T, c *cluster) {
	t.Helper()
	for host, runs := range map[string]bool{"m1": true, "m2": false, "m3": false} {
		state := c.on(t, host, "sh", "-c", "systemctl show -P ActiveState etcd.service")
		assert.Equal(t, runs, state != "inactive", "etcd on %s is %s", host, state)
	}
}

// noKubelet: the API has the host's Node, and the kubelet never ran.
func noKubelet(host string) func(*testing.T, *cluster) {
	return func(t *testing.T, c *cluster) {
		t.Helper()
		assert.Equal(t, "inactive", c.on(t, host, "sh", "-c", "systemctl show -P ActiveState kubelet.service"))
		a, closeTunnel := c.tunnel(t)
		defer closeTunnel()
		nodes := a.nodes(t)
		assert.Contains(t, nodes, host)
		assert.False(t, nodes[host].ready())
	}
}

// leftover: a file that was to be renamed is still there under its own name.
func leftover(host string) func(*testing.T, *cluster) {
	return func(t *testing.T, c *cluster) {
		t.Helper()
		assert.NotEmpty(t, c.on(t, host, "find", "/etc", "-name", ".*.provision-new"))
	}
}

// restartOf: the file is new, the kubelet of the host is not; the next plan
// shows the restart.
func restartOf(host string) func(*testing.T, *cluster) {
	return func(t *testing.T, c *cluster) {
		t.Helper()
		assert.Contains(t, c.on(t, host, "cat", "/etc/kubernetes/kubelet.yaml"), "42")
		assert.Contains(t, c.plan(t).addresses(), host+`/unit["kubelet.service"]`)
	}
}

// recordLearner writes the row of learnerStrikes.
func (f *crashed) recordLearner(t *testing.T) {
	t.Helper()
	faults.Record(t, "kill-learner", "killed there, the next apply makes it a voting member, and adds the next one",
		"SIGKILL when a member was added as learner and not promoted, before and after its etcd started",
		"%s; then applied in at most %.1f s, plan empty, three voters", strings.Join(f.points["kill-learner"], "; "), slices.Max(f.took).Seconds())
}

// record writes the rows of docs/faults.md.
func (f *crashed) record(t *testing.T) {
	const again = "killed there, the next apply completes the cluster, as if nothing had happened"
	faults.Record(t, "kill-lock", "the lock of a killed run is free, and "+again, "SIGKILL while the lock is held", "%s", f.figure("kill-lock"))
	faults.Record(t, "kill-ca", again, "SIGKILL when the authorities' keys are on one of three masters, and when they are committed on one", "%s", f.figure("kill-ca"))
	faults.Record(t, "kill-upload", again+"; a partial blob is never used", "SIGKILL in the middle of a blob", "%s", f.figure("kill-upload"))
	faults.Record(t, "kill-ledger", again, "SIGKILL after the ledger's write, before the change that it announces", "%s", f.figure("kill-ledger"))
	faults.Record(t, "kill-rename", again+"; no half-written file is in use or left over", "SIGKILL before and after the rename of a new file", "%s", f.figure("kill-rename"))
	faults.Record(t, "kill-restart", again+"; the missed restart happens", "SIGKILL after the rename of a running unit's file, before its restart", "%s", f.figure("kill-restart"))
	faults.Record(t, "kill-etcd", again, "SIGKILL when one of three etcd members has been started", "%s", f.figure("kill-etcd"))
	faults.Record(t, "kill-node", again, "SIGKILL when a Node is there and its kubelet has not run", "%s", f.figure("kill-node"))
	faults.Record(t, "kill-image", again, "SIGKILL while ctr imports an image (stopped half way and left behind), and before it is known to be pinned", "%s", f.figure("kill-image"))
	faults.Record(t, "kill-helm-install", again, "SIGKILL when Helm has written pending-install; agents: those of all masters", "%s", f.figure("kill-helm-install"))
	faults.Record(t, "kill-helm-upgrade", again, "SIGKILL when Helm has written pending-upgrade; agents: those of all masters", "%s", f.figure("kill-helm-upgrade"))
}
