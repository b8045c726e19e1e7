package provision_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision"
	"provision/provision/agent/api"
	"provision/provision/event"
	"provision/provision/fleettest"
	"provision/provision/internal/lease"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/test/faults"
)

// other has a host's lock, in a process of its own as far as the host knows.
type other struct {
	*ledger.Ledger
	lease *lease.Lease
}

// seize takes a host's lock for one who was heard so long ago.
func seize(t *testing.T, f *fleettest.Fleet, host string, silent time.Duration, brief bool) *other {
	t.Helper()
	h := f.Host(host)
	self, err := lease.Self()
	require.NoError(t, err)
	dir := filepath.Join(h.Root, system.LedgerDir)
	known, err := ledger.Read(dir)
	require.NoError(t, err)
	o := &other{}
	epoch := known.Epoch + 1
	o.lease, err = lease.Add(filepath.Join(h.Root, system.LeaseDir), epoch, self, lease.State{Heard: lease.Clock() - silent, Held: true})
	require.NoError(t, err)
	o.Ledger, err = ledger.Open(dir, ledger.Holder{Name: "bob@desk (process 7)", Doing: "apply, plan 1a2b3c4d", Since: time.Now(), Epoch: epoch, Lease: o.lease.ID, Brief: brief})
	require.NoError(t, err)
	return o
}

// lasting has a lock's lease tell of the same silence whenever a run asks first
// for the lock: how long it took to come there does not count.
func (o *other) lasting(t *testing.T, h *fleettest.Host, silent time.Duration) {
	t.Helper()
	var once sync.Once
	h.Relay(func(_ context.Context, method string, ask func() (json.RawMessage, error)) (any, error) {
		if method == api.Lock.Name {
			once.Do(func() { assert.NoError(t, o.lease.Set(lease.State{Heard: lease.Clock() - silent, Held: true})) })
		}
		return ask()
	})
}

func (o *other) letGo(t *testing.T) {
	t.Helper()
	assert.NoError(t, o.Close())
	o.lease.End()
}

// notes are what a run says.
type notes struct {
	mu   sync.Mutex
	text []string
}

// sink keeps notes, and calls do with each.
func (n *notes) sink(do func(text string)) func(*provision.Options) {
	return func(o *provision.Options) {
		o.Sink = func(e event.Event) {
			if e.Type == event.Note {
				n.add(e.Text)
				do(e.Text)
			}
		}
	}
}

// of keeps the texts of one type of event.
func (n *notes) of(kind event.Type) func(*provision.Options) {
	return func(o *provision.Options) {
		o.Sink = func(e event.Event) {
			if e.Type == kind {
				n.add(e.Text)
			}
		}
	}
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = append(n.text, text)
}

func (n *notes) all() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.text, "\n")
}

func TestALockThatEndsSoonIsWaitedFor(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		host   string
		silent time.Duration
		brief  bool
		says   string
	}{
		"a silent one":             {"m2", 7 * time.Second, false, "was last heard 7 s ago; unless it is heard again, the lock is free in at most 5 s"},
		"a silent one of a worker": {"n1", 7 * time.Second, false, "was last heard 7 s ago"},
		"a brief one":              {"m3", 0, true, "needs it for a moment; for at most 30 s"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, host := range []string{"m1", "m2", "m3", "n1"} {
				require.NoError(t, f.Host(host).Write("/etc/haproxy/haproxy.cfg", "by hand\n"))
			}
			f.Quiet()
			lock := seize(t, f, test.host, test.silent, test.brief)
			lock.lasting(t, f.Host(test.host), test.silent)
			var said notes
			var once sync.Once
			began := time.Now()
			outcome, err := apply(t, f, inv, said.sink(func(text string) {
				if strings.HasPrefix(text, "Waiting for the lock of host "+test.host+": bob@desk") {
					once.Do(func() { lock.letGo(t) })
				}
			}))
			require.NoError(t, err)
			require.NoError(t, outcome.Result.Err())
			assert.Contains(t, said.all(), test.says)
			assert.NotEqual(t, "by hand\n", f.Host(test.host).Read("/etc/haproxy/haproxy.cfg"))
			t.Logf("%.1f s", time.Since(began).Seconds())
		})
	}
}

func TestAHolderThatIsHeardAgainIsNotWaitedForAnyLonger(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.Quiet()
	require.NoError(t, f.Host("n1").Write("/etc/haproxy/haproxy.cfg", "by hand\n"))
	lock := seize(t, f, "m2", 6*time.Second, false)
	lock.lasting(t, f.Host("m2"), 6*time.Second)
	defer lock.letGo(t)
	var said notes
	_, err = apply(t, f, inv, said.sink(func(string) {
		assert.NoError(t, lock.lease.Set(lease.State{Heard: lease.Clock(), Held: true}))
	}))
	var locked *provision.LockedError
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, "bob@desk (process 7)", locked.Holder)
	assert.Contains(t, said.all(), "Waiting for the lock of host m2")
	assert.NotContains(t, err.Error(), "last heard")
	assert.Equal(t, "by hand\n", f.Host("n1").Read("/etc/haproxy/haproxy.cfg"))
}

func TestWaitingForLocksHasAnEnd(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.Quiet()
	require.NoError(t, f.Host("n1").Write("/etc/haproxy/haproxy.cfg", "by hand\n"))
	lock := seize(t, f, "m1", 0, true)
	defer lock.letGo(t)
	began := time.Now()
	_, err = apply(t, f, inv, func(o *provision.Options) { o.LockPatience = 1500 * time.Millisecond })
	var locked *provision.LockedError
	require.ErrorAs(t, err, &locked)
	assert.Regexp(t, "; this run waited [1-9][0-9]* s; wait for that run to end", err.Error())
	assert.Greater(t, time.Since(began), time.Second)
	faults.Record(t, "lock-brief", "a run that meets a host's renewal timer waits for it, up to a limit, and is not refused at once",
		"another has the lock of a master for a moment, as the timer has; and does not let it go", "waited and went on; with a bound of 1.5 s refused after %.1f s", time.Since(began).Seconds())
}

// TestARunThatWasOvertakenLooksAnew: others had the locks, and let them go,
// between a run's look and its own locks.
func TestARunThatWasOvertakenLooksAnew(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.Quiet()
	require.NoError(t, f.Host("n1").Write("/etc/haproxy/haproxy.cfg", "by hand\n"))
	var once sync.Once
	f.Host("m3").Relay(func(_ context.Context, method string, ask func() (json.RawMessage, error)) (any, error) {
		if method == api.Lock.Name {
			once.Do(func() { seize(t, f, "m3", 0, false).letGo(t) })
		}
		return ask()
	})
	var said notes
	outcome, err := apply(t, f, inv, said.of(event.Note))
	require.NoError(t, err)
	require.NoError(t, outcome.Result.Err())
	assert.Contains(t, said.all(), "Another run changed host m3 meanwhile; reading all hosts again")
	assert.NotEqual(t, "by hand\n", f.Host("n1").Read("/etc/haproxy/haproxy.cfg"))
}

// TestWhatARunSawOfAHostAtWorkDoesNotCount: another run had a host's lock when
// this one looked, and let it go before this one asked for it.
func TestWhatARunSawOfAHostAtWorkDoesNotCount(t *testing.T) {
	inv := masters(t, "3")
	f := boot(t, inv, fleettest.Options{})
	_, err := apply(t, f, inv)
	require.NoError(t, err)
	f.Quiet()
	require.NoError(t, f.Host("n1").Write("/etc/haproxy/haproxy.cfg", "by hand\n"))
	lock := seize(t, f, "m3", 0, false)
	held, err := os.Stat(filepath.Join(f.Host("m3").Root, system.LedgerDir, "lock"))
	require.NoError(t, err)
	inode := held.Sys().(*syscall.Stat_t).Ino
	require.NoError(t, f.Host("m3").Write("/proc/locks", fmt.Sprintf("1: FLOCK ADVISORY WRITE 705 fe:00:%d 0 EOF\n", inode)))
	var once sync.Once
	f.Host("m3").Relay(func(_ context.Context, method string, ask func() (json.RawMessage, error)) (any, error) {
		if method == api.Plan.Name {
			once.Do(func() {
				lock.letGo(t)
				assert.NoError(t, f.Host("m3").Write("/proc/locks", ""))
			})
		}
		return ask()
	})
	var said notes
	outcome, err := apply(t, f, inv, said.of(event.Note))
	require.NoError(t, err)
	require.NoError(t, outcome.Result.Err())
	assert.Contains(t, said.all(), "Another run changed host m3 meanwhile; reading all hosts again")
	assert.NotEqual(t, "by hand\n", f.Host("n1").Read("/etc/haproxy/haproxy.cfg"))
}
