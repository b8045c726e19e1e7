//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/test/faults"
)

// operators is how many apply at once.
const operators = 8

// lease is how long a session that is not heard of may keep a lock, and what a
// new run needs to notice (see package lease), on a busy machine.
const leaseBound = 90 * time.Second

// locks is eight operators on one cluster, and operators and agents that are
// killed or suspended while they hold its lock.
func (s *suite) locks(t *testing.T) {
	c := s.boot(t, "locks", extra("grow-1.hcl"), extra("grow-3.hcl"), extra("shared-kernel.hcl"))
	if !t.Run("birth", c.bornOnce) {
		return
	}
	t.Run("rounds", c.rounds)
	t.Run("killed", c.killedHolder)
	t.Run("agent", c.suspendedAgent)
	t.Run("upgrade", c.suspendedUpgrade)
	t.Run("member", c.suspendedReplacement)
}

// bornOnce has all operators make the cluster at once.
func (c *cluster) bornOnce(t *testing.T) {
	all := c.crowd(t)
	var slowest time.Duration
	winners := 0
	for _, e := range all {
		switch {
		case e.wrote:
			winners++
			continue
		case e.code == 0 && e.waited:
			continue // for a winner too busy to be heard; nothing was left to do
		}
		assert.Contains(t, e.err.String(), "holds its lock since ", "%s", e.out.String())
		assert.Contains(t, e.err.String(), "(apply, plan ", "what for")
		slowest = max(slowest, e.ended.Sub(e.connected))
	}
	require.Equal(t, 1, winners, "of %d operators one makes the cluster", operators)
	c.seconds(t, "refused after the last host answered, slowest of seven", slowest)
	c.unchanged(t)
	c.threeVoters(t)
	faults.Record(t, "lock-eight", "of several operators one writes; the others learn at once who holds the lock, for what and since when",
		"eight runs of apply started at once on three hosts that are no cluster yet",
		"1 made the cluster, %d were refused, the slowest %.1f s after its last host had answered (two cores for all)", len(all)-1, slowest.Seconds())
}

// rounds lets all operators repair the same hosts, several times.
func (c *cluster) rounds(t *testing.T) {
	const rounds = 3
	refused, idle := 0, 0
	for range rounds {
		for _, host := range c.hosts() {
			c.on(t, host, "sh", "-c", "echo '# by hand' >>/etc/haproxy/haproxy.cfg")
		}
		wrote := 0
		for _, e := range c.crowd(t) {
			text := e.err.String()
			switch {
			case e.wrote:
				wrote++ // perhaps without a host that was too busy to answer
			case e.code == 0:
				idle++ // it looked when all was done
			default:
				refused++
				assert.True(t, strings.Contains(text, "holds its lock") || strings.Contains(text, "another run changed it"), "%s", text)
			}
		}
		require.Positive(t, wrote, "somebody gets on")
		c.unchanged(t)
	}
	faults.Record(t, "lock-rounds", "operators who start at the same time never lock each other all out",
		fmt.Sprintf("eight runs of apply at once, %d times, with the same work to do", rounds),
		"somebody got on each time; %d were refused, %d came when all was done", refused, idle)
}

// killedHolder kills an operator who has the lock.
func (c *cluster) killedHolder(t *testing.T) {
	c.on(t, "g2", "sh", "-c", "echo '# by hand' >>/etc/haproxy/haproxy.cfg")
	h := c.holder(t, operator, meetAt(1, "locked"))
	require.NoError(t, h.cmd.Process.Kill())
	<-h.done
	free, _, _ := c.takeOver(t, time.Now())
	c.seconds(t, "lock of a killed operator taken", free)
	assert.Less(t, free, leaseBound)
	faults.Record(t, "lock-killed", "the lock of a killed run is free within seconds", "SIGKILL of the operator while it holds the locks of three hosts",
		"taken by the next run %.1f s later", free.Seconds())
}

// suspendedAgent stops an agent in the middle of a change, with a child of its
// scope, and never lets them go on.
func (c *cluster) suspendedAgent(t *testing.T) {
	c.on(t, "g2", "sh", "-c", "echo '# by hand' >>/etc/haproxy/haproxy.cfg")
	h := c.holder(t, "g2", meetAt(1, "recorded .*"))
	pids := strings.Fields(c.on(t, "g2", "sh", "-c", `scope=$(systemctl list-units --plain --no-legend 'provision-*.scope' | cut -d' ' -f1)
		group=$(systemctl show -P ControlGroup "$scope")
		sleep 600 >/dev/null 2>&1 </dev/null & child=$!
		for at in systemd unified .; do procs=/sys/fs/cgroup/$at$group/cgroup.procs; if [ -e "$procs" ]; then break; fi; done
		echo $child >"$procs" && kill -STOP $(cat "$procs") && cat "$procs"`))
	require.GreaterOrEqual(t, len(pids), 2, "the agent and its child")
	free, refused, waited := c.takeOver(t, time.Now())
	assert.True(t, waited, "a run that comes when the lock is about to be free is not refused")
	for _, pid := range pids {
		c.on(t, "g2", "sh", "-c", `! kill -0 "$0" 2>/dev/null`, pid)
	}
	<-h.done
	assert.NotZero(t, h.cmd.ProcessState.ExitCode(), "%s", h.out.String())
	c.on(t, "g2", "rm", "-rf", onHosts)
	c.unchanged(t)
	c.seconds(t, "lock of a suspended agent taken", free)
	assert.Less(t, free, leaseBound)
	faults.Record(t, "lock-agent", "a suspended agent keeps no lock: it and its children are ended, and write nothing more",
		"SIGSTOP of an agent between its ledger's record and the change, and of a process in its scope",
		"taken after %.1f s by a run that waited for it; %d runs before were told who held it; %d processes ended, late writes: 0", free.Seconds(), refused, len(pids))
}

// suspendedUpgrade stops an operator inside a Helm upgrade.
func (c *cluster) suspendedUpgrade(t *testing.T) {
	before := c.files
	defer func() { c.files = before }()
	c.files = append(slices.Clone(before[:2]), edited(t, before[2], "time {", "addon \"coredns\" {\n  cache_seconds = 20\n}\n\ntime {"))
	free := c.outlived(t, "release coredns pending-upgrade")
	faults.Record(t, "lock-upgrade", "a suspended operator writes nothing once another has taken over",
		"SIGSTOP inside a Helm upgrade, another run finishes it, SIGCONT",
		"taken over after %.1f s; revisions of API objects, etcd members and ledgers before SIGCONT and after its end: late writes: 0", free.Seconds())
}

// suspendedReplacement stops an operator between the removal of a lost member
// and the addition of its successor.
func (c *cluster) suspendedReplacement(t *testing.T) {
	c.loseEtcd(t, "g3")
	free := c.outlived(t, "member removed")
	c.threeVoters(t)
	faults.Record(t, "lock-member", "a suspended operator writes nothing once another has taken over",
		"SIGSTOP between the removal of a lost etcd member and the addition of its successor, another run finishes it, SIGCONT",
		"taken over after %.1f s; revisions of API objects, etcd members and ledgers before SIGCONT and after its end: late writes: 0", free.Seconds())
}

// outlived suspends an operator at a point, has another one take over, and lets
// the first go on: nothing may change by that.
func (c *cluster) outlived(t *testing.T, point string) time.Duration {
	t.Helper()
	h := c.holder(t, operator, meetAt(1, point))
	require.NoError(t, h.cmd.Process.Signal(syscall.SIGSTOP))
	free, _, waited := c.takeOver(t, time.Now())
	assert.True(t, waited, "within the lease the lock is held, and waited for")
	assert.Less(t, free, leaseBound)
	c.seconds(t, "taken over at "+point, free)
	c.unchanged(t)
	before := c.truth(t)
	resumed := time.Now()
	require.NoError(t, h.cmd.Process.Signal(syscall.SIGCONT))
	go c.release(t, operator, h.folder) // blocks until it is read
	<-h.done
	assert.NotZero(t, h.cmd.ProcessState.ExitCode(), "%s", h.out.String())
	c.seconds(t, "the resumed operator gave up after", time.Since(resumed))
	t.Log(tail(h.out.String(), 5))
	after := c.truth(t)
	require.NotEmpty(t, before)
	for _, key := range slices.Sorted(maps.Keys(after)) {
		assert.Equal(t, before[key], after[key], "late write: %s", key)
	}
	assert.Len(t, after, len(before))
	c.note(t, "revisions and digests compared", "%d", len(after))
	c.unchanged(t)
	return free
}
