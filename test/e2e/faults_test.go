//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/event"
)

// faultDisks are file systems of hosts' own, so that one kind of write at a
// time finds no room.
func faultDisks() []string {
	return []string{"/usr/local/bin", "/etc/kubernetes", "/var/lib/provision/blobs", "/var/lib/provision/ledger", "/var/lib/containerd"}
}

// faults breaks the hosts of inventories/small.hcl under the tool's hands: one
// cluster is made in one go and then spoilt, the other has to be made while its
// hosts fail. In the end they are equal.
func (s *suite) faults(t *testing.T) {
	var whole snapshot
	var undisturbed heard
	t.Run("standing", func(t *testing.T) {
		c := s.bootWith(t, "faults", disksOf("node-1"), sample("small.hcl"), extra("shared-kernel.hcl"))
		c.disks = faultDisks()[:3]
		undisturbed = c.listen(t, nil)
		require.Zero(t, undisturbed.code, "%s", undisturbed.all())
		whole = c.snapshot(t)
		t.Run("disk", c.disksFull)
		t.Run("damaged", c.damagedBlobs)
		t.Run("plan", c.tamperedPlans)
		t.Run("frozen", c.frozenHost)
		t.Run("equal", func(t *testing.T) { c.equals(t, whole) })
	})
	t.Run("growing", func(t *testing.T) {
		require.NotNil(t, whole, "what to compare with")
		c := s.bootWith(t, "faulted", disksOf("node-1"), sample("small.hcl"), extra("shared-kernel.hcl"))
		c.disks = faultDisks()[:3]
		t.Run("slow and cut", func(t *testing.T) { c.slowThenCut(t, undisturbed) })
		t.Run("power", c.powerCuts)
		t.Run("restart", c.cutInRestart)
		t.Run("master", c.masterCut)
		t.Run("equal", func(t *testing.T) { c.equals(t, whole) })
	})
	t.Run("etcd", s.etcdDiskFull)
}

func disksOf(host string) []string {
	var flags []string
	for _, path := range faultDisks() {
		flags = append(flags, "--disk", host+":"+path+"=8G")
	}
	return flags
}

// said is one line of an apply's JSON: an event, the plan or the result.
type said struct {
	Time    time.Time
	Type    string
	Host    string
	Address string
	Text    string
	Done    json.RawMessage // bytes of a transfer; steps of the result
	Total   int64
	Failed  []struct{ Address, Error string }
	Skipped []struct{ Address, Cause string }
	Error   string
}

func (e said) bytes() int64 {
	var n int64
	_ = json.Unmarshal(e.Done, &n) // absent: 0
	return n
}

// heard is an apply and what it said on the way.
type heard struct {
	ran
	events []said
}

// listen applies, and tells on of every event while the run goes on.
func (c *cluster) listen(t *testing.T, on func(e said)) heard {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), verbTimeout)
	defer cancel()
	cmd := c.command(ctx, append([]string{"apply", "--yes", "--json"}, c.inventory()...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	h := heard{ran: ran{args: cmd.Args[1:]}}
	var errs strings.Builder
	cmd.Stderr = &errs
	begun := time.Now()
	require.NoError(t, cmd.Start())
	lines := json.NewDecoder(out)
	for lines.More() {
		var e said
		require.NoError(t, lines.Decode(&e))
		h.events = append(h.events, e)
		if e.Type != string(event.Transfer) && e.Type != "plan" {
			h.out += strings.TrimSpace(strings.Join([]string{e.Type, e.Host, e.Address, e.Text}, " ")) + "\n"
		}
		if on != nil {
			on(e)
		}
	}
	_ = cmd.Wait() // its exit code says it
	h.took, h.code, h.err = time.Since(begun), cmd.ProcessState.ExitCode(), errs.String()
	assert.NotContains(t, h.err, "panic")
	return h
}

// result is the last line.
func (h heard) result() said { return h.events[len(h.events)-1] }

// of are the events of a type on a host.
func (h heard) of(kind event.Type, host string) []said {
	var list []said
	for _, e := range h.events {
		if e.Type == string(kind) && e.Host == host {
			list = append(list, e)
		}
	}
	return list
}

// worked is how long the steps of hosts took, from the first of the run to
// their last.
func (h heard) worked(hosts ...string) time.Duration {
	var first, last time.Time
	for _, e := range h.events {
		if e.Type == string(event.StepStarted) && first.IsZero() {
			first = e.Time
		}
	}
	for _, host := range hosts {
		if done := h.of(event.StepDone, host); len(done) > 0 && done[len(done)-1].Time.After(last) {
			last = done[len(done)-1].Time
		}
	}
	return last.Sub(first)
}

// sent is how many bytes the run meant to send to a host, and sent.
func (h heard) sent(host string) (total, sent int64) {
	for _, e := range h.of(event.Transfer, host) {
		total, sent = max(total, e.Total), max(sent, e.bytes())
	}
	return total, sent
}

// onlyFailed checks that the run failed, on that host alone, says so, and did
// all that it had to do on the others.
func (h heard) onlyFailed(t *testing.T, host string, says ...string) {
	t.Helper()
	h.failed(t, host, says...)
	for _, s := range h.result().Skipped {
		assert.True(t, strings.HasPrefix(s.Address, host+"/") || strings.HasPrefix(s.Address, "cluster/"), "%s: %s", s.Address, s.Cause)
	}
}

// failed checks that the run failed, on that host alone, and says so.
func (h heard) failed(t *testing.T, host string, says ...string) {
	t.Helper()
	require.Equal(t, 1, h.code, "%s", h.all())
	last := h.result()
	require.Equal(t, "result", last.Type)
	all := h.out + h.err + last.Error
	for _, f := range last.Failed {
		gate := strings.HasPrefix(f.Address, "cluster/gate[") // cannot tell about its Node
		ofHost := strings.HasPrefix(f.Address, "cluster/") && strings.Contains(f.Error, host)
		assert.True(t, strings.HasPrefix(f.Address, host+"/") || gate || ofHost, "%s failed: %s", f.Address, f.Error)
		if !gate {
			assert.Contains(t, f.Error, host)
		}
		all += "\n" + f.Address + ": " + f.Error
	}
	for _, text := range append(says, host) {
		assert.Contains(t, all, text)
	}
}
