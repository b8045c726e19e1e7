//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/event"
	"provision/test/faults"
)

// noticed is how long a run may take to notice that a host is gone: its login's
// time limit, or a few heartbeats, on a busy machine.
const noticed = 45 * time.Second

// slowThenCut makes a cluster while one node has a slow link; when the others
// are finished, its cable is pulled in the middle of the upload.
func (c *cluster) slowThenCut(t *testing.T, undisturbed heard) {
	others := []string{"master", "node-1"}
	left := map[string]int{}
	for _, host := range others {
		left[host] = len(undisturbed.of(event.StepDone, host))
	}
	var cut time.Time
	h := c.listen(t, func(e said) {
		switch {
		case e.Type == string(event.PhaseStarted) && strings.HasPrefix(e.Text, "Applying"):
			require.NoError(t, c.lab.LimitRate(t.Context(), "node-2", 40_000_000))
		case e.Type == string(event.StepDone):
			left[e.Host]--
			if left["master"] <= 0 && left["node-1"] <= 0 && cut.IsZero() {
				cut = time.Now()
				require.NoError(t, c.lab.CutNetwork(t.Context(), "node-2"))
			}
		}
	})
	require.False(t, cut.IsZero(), "the others were not finished: %s", h.all())
	h.onlyFailed(t, "node-2")
	gone := h.of(event.StepFailed, "node-2")
	require.NotEmpty(t, gone)
	within := gone[0].Time.Sub(cut)
	assert.Less(t, within, noticed)
	alone, beside := undisturbed.worked(others...), h.worked(others...)
	assert.Less(t, beside, 5*alone, "they were finished while it was not; how quickly, the machine's load says, too")
	total, sent := h.sent("node-2")
	assert.Less(t, sent, total, "it was cut in the middle")
	t.Logf("%s", gone[0].Text)
	c.seconds(t, "cable pulled: host named after", within)
	faults.Record(t, "fault-slow-host", "A slow host delays no other",
		"a new cluster of three hosts, one behind a link of 40 Mbit/s", "the other two were finished after %.1f s, %.2f times as long as without it", beside.Seconds(), beside.Seconds()/alone.Seconds())

	require.NoError(t, c.lab.RestoreNetwork(t.Context(), "node-2"))
	// The agent there waits a little longer for the run than the run for it.
	again := c.listen(t, c.atUpload(t, func() { require.NoError(t, c.lab.PowerCut(t.Context(), "node-2")) }))
	rest, _ := again.sent("node-2")
	require.NotZero(t, rest, "it was not reached again: %s", again.all())
	assert.Less(t, rest, total, "what arrived is not sent again")
	assert.Less(t, total-sent, rest+64<<20, "and what is counted as sent was, but for what was under way")
	c.cutShort(t, again, "upload")
	faults.Record(t, "fault-cable-pulled", "A host lost during an upload is named within seconds, the others are finished, and the next run resumes the upload",
		"the cable of one of three hosts is pulled during its upload, and put back", "named after %.1f s; %d of %d MB were sent before, %d MB the second time", within.Seconds(), sent/1e6, total/1e6, rest/1e6)
}

// atUpload acts when a third of what node-2 lacks is sent.
func (c *cluster) atUpload(t *testing.T, act func()) func(e said) {
	done := false
	return func(e said) {
		if e.Type == string(event.Transfer) && e.Host == "node-2" && e.bytes() > e.Total/3 && !done {
			done = true
			act()
		}
	}
}

// cutShort checks a run in which the power of node-2 was cut, and switches it on.
func (c *cluster) cutShort(t *testing.T, h heard, phase string) {
	t.Helper()
	h.onlyFailed(t, "node-2")
	c.seconds(t, "power cut, "+phase, h.took)
	require.NoError(t, c.lab.PowerOn(t.Context(), "node-2"))
}

// powerCuts pulls the plug of a node in each phase of its way into the cluster.
func (c *cluster) powerCuts(t *testing.T) {
	steps := 0
	phases := []struct {
		name string
		when func(e said) bool
	}{
		{"facts", func(e said) bool { return e.Type == string(event.HostConnecting) }},
		{"plan", func(e said) bool { return e.Type == string(event.HostConnected) }},
		{"steps", func(e said) bool {
			if e.Type == string(event.StepDone) {
				steps++
			}
			return steps == 2
		}},
		{"start of units", func(e said) bool {
			return e.Type == string(event.StepStarted) && strings.Contains(e.Address, `unit["`)
		}},
	}
	var found []string
	for _, phase := range phases {
		if phase.name == "steps" { // what the cut uploads have left over differs
			c.on(t, "node-2", "rm", "-f", "/usr/local/bin/kube-proxy", "/usr/local/bin/flanneld", "/usr/local/bin/runc")
		}
		if phase.name == "start of units" { // the cut before may have come when all had started
			c.on(t, "node-2", "sh", "-c", "systemctl disable --now kube-proxy.service kubelet.service || true")
		}
		var cut time.Time
		h := c.listen(t, func(e said) {
			if e.Host == "node-2" && cut.IsZero() && phase.when(e) {
				require.NoError(t, c.lab.PowerCut(t.Context(), "node-2"))
				cut = time.Now()
			}
		})
		require.False(t, cut.IsZero(), "%s: the moment did not come: %s", phase.name, h.all())
		named := h.events[len(h.events)-1].Time
		for _, e := range h.events {
			if e.Host == "node-2" && e.Time.After(cut) && (e.Type == string(event.StepFailed) || e.Type == string(event.HostFailed)) {
				named = e.Time
				t.Logf("%s: %s", phase.name, e.Text)
				break
			}
		}
		if named.IsZero() { // the result has no time of its own
			named = cut.Add(h.took)
		}
		assert.Less(t, named.Sub(cut), noticed, "%s", phase.name)
		found = append(found, fmt.Sprintf("%s %.1f s", phase.name, max(0, named.Sub(cut).Seconds())))
		c.cutShort(t, h, phase.name)
	}
	last := c.apply(t)
	c.unchanged(t)
	c.seconds(t, "apply after the power cuts", last.took)
	faults.Record(t, "fault-power-cut", "A host may lose power in any phase: it is named, nothing else fails, and one apply completes it",
		"power of a worker cut while it was asked for facts, compared, sent artifacts, in the middle of steps, and at the start of its first unit; switched on and applied",
		"named after: %s; the last apply took %.1f s, the plan was empty", strings.Join(found, ", "), last.took.Seconds())
}

// cutInRestart cuts a node's power while a unit is restarted for a new file, and
// lets another node's restart go on.
func (c *cluster) cutInRestart(t *testing.T) {
	for _, host := range []string{"node-1", "node-2"} {
		c.on(t, host, "rm", "/etc/kubernetes/kube-proxy.yaml")
	}
	// A restart that takes a while, so that the power goes in its middle; the next
	// boot knows nothing of it.
	c.on(t, "node-2", "sh", "-ec", `d=/run/systemd/system/kube-proxy.service.d; mkdir -p $d
printf '[Service]\nExecStartPre=/bin/sleep 5\n' >$d/slow.conf; systemctl daemon-reload`)
	before := c.traces(t, "node-1")
	var cut time.Time
	h := c.listen(t, func(e said) {
		if e.Type == string(event.StepStarted) && e.Address == `node-2/unit["kube-proxy.service"]` {
			require.NoError(t, c.lab.PowerCut(t.Context(), "node-2"))
			cut = time.Now()
		}
	})
	require.False(t, cut.IsZero(), "%s", h.all())
	gone := h.of(event.StepFailed, "node-2")
	require.NotEmpty(t, gone)
	assert.NotEqual(t, before["node-1"].Units, c.trace(t, "node-1").Units, "the other node's unit was restarted")
	c.cutShort(t, h, "restart")
	last := c.apply(t)
	c.unchanged(t)
	faults.Record(t, "fault-power-cut-restart", "A host that loses power while a unit restarts uses the new file after one apply",
		"power of one of two workers cut when a service of both is restarted", "named after %.1f s, the other restarted; then applied in %.1f s, plan empty", gone[0].Time.Sub(cut).Seconds(), last.took.Seconds())
}

// masterCut cuts the power of the only master while a node is worked on.
func (c *cluster) masterCut(t *testing.T) {
	c.on(t, "node-1", "sh", "-c", `rm /usr/local/bin/kubelet "/var/lib/provision/blobs/$1"`, "sh", c.shaOn(t, "node-2", "/usr/local/bin/kubelet"))
	var cut time.Time
	h := c.listen(t, func(e said) {
		if e.Type == string(event.PhaseStarted) && strings.HasPrefix(e.Text, "Applying") {
			require.NoError(t, c.lab.PowerCut(t.Context(), "master"))
			cut = time.Now()
		}
	})
	over := time.Since(cut)
	assert.Equal(t, 1, h.code, "%s", h.all())
	assert.Contains(t, h.all()+h.result().Error, "lost the cluster's lock with host master")
	assert.Less(t, over, noticed+10*time.Second)
	require.NoError(t, c.lab.PowerOn(t.Context(), "master"))
	last := c.apply(t)
	c.unchanged(t)
	faults.Record(t, "fault-power-cut-master", "A run that loses the host of the cluster's lock stops; the next one continues",
		"power of the only master cut while a worker is changed", "over after %.1f s; then applied in %.1f s, plan empty", over.Seconds(), last.took.Seconds())
}

// shaOn is the digest of a host's file.
func (c *cluster) shaOn(t *testing.T, host, path string) string {
	t.Helper()
	return strings.Fields(c.on(t, host, "sha256sum", path))[0]
}

// frozenHost has a node hang before the run.
func (c *cluster) frozenHost(t *testing.T) {
	for _, host := range []string{"node-1", "node-2"} {
		c.on(t, host, "rm", "/etc/kubernetes/kube-proxy.yaml")
	}
	require.NoError(t, c.lab.Freeze(t.Context(), "node-2"))
	h := c.listen(t, nil)
	h.onlyFailed(t, "node-2", "check that the host is not overloaded")
	assert.NotEmpty(t, h.of(event.StepDone, "node-1"), "%s", h.all())
	assert.Less(t, h.took, noticed+5*time.Second)
	require.NoError(t, c.lab.Thaw(t.Context(), "node-2"))
	c.apply(t)
	c.unchanged(t)
	faults.Record(t, "fault-frozen-host", "A host that hangs is named and delays the others no longer than the login limit",
		"all processes of one of two workers frozen before apply", "the other was finished and the run over after %.1f s, login limit 10 s", h.took.Seconds())
}
