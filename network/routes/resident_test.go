package routes

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeTable is a routing table in memory.
type fakeTable struct {
	mu      sync.Mutex
	entries []Entry
	refuse  map[netip.Prefix]error
	changed chan struct{}
}

func (f *fakeTable) List() ([]Entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.entries), nil
}

func (f *fakeTable) Add(r Route) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refuse[r.To]; err != nil {
		return err
	}
	if slices.ContainsFunc(f.entries, func(e Entry) bool { return e.To == r.To && e.Metric == Metric && e.Ours() }) {
		return syscall.EEXIST
	}
	f.entries = append(f.entries, ours(r))
	return nil
}

func (f *fakeTable) Replace(r Route) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, e := range f.entries {
		if e.To == r.To && e.Metric == Metric && e.Ours() {
			f.entries[i] = ours(r)
			return nil
		}
	}
	return syscall.ESRCH
}

func (f *fakeTable) Remove(gone Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.entries = slices.DeleteFunc(f.entries, func(e Entry) bool { return e.To == gone.To && e.Metric == gone.Metric && e.Protocol == gone.Protocol })
	return nil
}

func (f *fakeTable) Watch(context.Context, netip.Prefix) (<-chan struct{}, error) {
	return f.changed, nil
}

func (f *fakeTable) foreign() []Entry {
	return slices.DeleteFunc(slices.Clone(f.entries), Entry.Ours)
}

func (f *fakeTable) has(routes ...string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	count := 0
	for _, e := range f.entries {
		if e.Ours() {
			count++
		}
		if e.Ours() && !slices.Contains(routes, e.To.String()) {
			return false
		}
	}
	return count == len(routes)
}

// running is a resident at work.
type running struct {
	table *fakeTable
	nodes chan []Node
	dead  chan map[netip.Addr]bool
	ended chan error
	mu    sync.Mutex
	saved []Node
	log   []string
	told  string
}

func start(t *testing.T, c Config, table *fakeTable, kept []Node) *running {
	t.Helper()
	if table.changed == nil {
		table.changed = make(chan struct{}, 1)
	}
	run := &running{table: table, nodes: make(chan []Node), dead: make(chan map[netip.Addr]bool), ended: make(chan error, 1)}
	locked := func(f func()) { run.mu.Lock(); defer run.mu.Unlock(); f() }
	r := &Resident{Config: c, Table: table, Nodes: run.nodes, Dead: run.dead, Watch: func([]netip.Addr) {},
		Save: func(list []Node) error { locked(func() { run.saved = list }); return nil },
		Log:  func(line string) { locked(func() { run.log = append(run.log, line) }) },
		Tell: func(status string) { locked(func() { run.told = status }) }}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go func() { run.ended <- r.Run(ctx, kept) }()
	return run
}

func soon(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, within, 5*time.Millisecond, what)
}

func TestRoutesComeFromWhatWasKeptAndFollowNodes(t *testing.T) {
	run := start(t, cluster(ViaNodes), &fakeTable{}, nodes()[:1])
	soon(t, time.Second, "no API was asked yet", func() bool { return run.table.has("10.32.3.0/24") })
	run.nodes <- nodes()
	soon(t, time.Second, "all Nodes", func() bool { return run.table.has("10.32.1.0/24", "10.32.2.0/24", "10.32.3.0/24") })
	run.nodes <- nodes()[1:]
	soon(t, time.Second, "a Node left", func() bool { return run.table.has("10.32.1.0/24", "10.32.2.0/24") })
	soon(t, time.Second, "kept", func() bool { run.mu.Lock(); defer run.mu.Unlock(); return len(run.saved) == 2 })
}

func TestWhatOthersDeleteIsBackAndTheirsStays(t *testing.T) {
	theirs := Entry{Route: to("203.0.113.0/24", "192.0.2.1"), Protocol: 4}
	run := start(t, cluster(ViaNodes), &fakeTable{entries: []Entry{theirs}}, nodes())
	soon(t, time.Second, "set", func() bool { return run.table.has("10.32.1.0/24", "10.32.2.0/24", "10.32.3.0/24") })
	run.table.mu.Lock()
	run.table.entries = []Entry{theirs}
	run.table.mu.Unlock()
	run.table.changed <- struct{}{}
	soon(t, time.Second, "back", func() bool { return run.table.has("10.32.1.0/24", "10.32.2.0/24", "10.32.3.0/24") })
	assert.Equal(t, []Entry{theirs}, run.table.foreign())
}

func TestAConflictIsNamedOnceAndInTheStatus(t *testing.T) {
	theirs := Entry{Route: to("10.32.1.0/24", "192.0.2.1"), Protocol: 4}
	run := start(t, cluster(ViaNodes), &fakeTable{entries: []Entry{theirs}}, nodes())
	for range 3 {
		run.table.changed <- struct{}{}
	}
	soon(t, 2*time.Second, "told", func() bool { run.mu.Lock(); defer run.mu.Unlock(); return strings.Contains(run.told, "proto static") })
	run.mu.Lock()
	defer run.mu.Unlock()
	assert.Equal(t, 1, strings.Count(strings.Join(run.log, "\n"), "proto static"))
	assert.Contains(t, run.told, "3 routes to pods; the route 10.32.1.0/24 via 192.0.2.1")
}

// At boot the link comes up after the program: what the kernel refuses is tried
// again, and does not keep others waiting.
func TestWhatTheKernelRefusesIsTriedAgain(t *testing.T) {
	bad := netip.MustParsePrefix("10.32.1.0/24")
	table := &fakeTable{refuse: map[netip.Prefix]error{bad: errors.New("network is unreachable")}}
	run := start(t, cluster(ViaNodes), table, nodes())
	soon(t, time.Second, "the others", func() bool { return run.table.has("10.32.2.0/24", "10.32.3.0/24") })
	table.mu.Lock()
	table.refuse = nil
	table.mu.Unlock()
	soon(t, 3*time.Second, "it too", func() bool { return run.table.has("10.32.1.0/24", "10.32.2.0/24", "10.32.3.0/24") })
}

func TestRoutesStayWhenTheProgramEnds(t *testing.T) {
	run := start(t, cluster(ViaNodes), &fakeTable{}, nodes())
	soon(t, time.Second, "set", func() bool { return run.table.has("10.32.1.0/24", "10.32.2.0/24", "10.32.3.0/24") })
	close(run.table.changed)
	assert.ErrorIs(t, <-run.ended, errBlind, "systemd starts it anew")
	assert.True(t, run.table.has("10.32.1.0/24", "10.32.2.0/24", "10.32.3.0/24"))
}

func TestDeadGatewaysLeaveTheRoutes(t *testing.T) {
	run := start(t, cluster(ViaGateways), &fakeTable{}, nodes())
	via := func(want ...netip.Addr) func() bool {
		return func() bool {
			list, _ := run.table.List()
			return len(list) == 3 && slices.Equal(list[0].Via, want)
		}
	}
	soon(t, time.Second, "both", via(ip("192.0.2.11"), ip("192.0.2.12")))
	run.dead <- map[netip.Addr]bool{ip("192.0.2.11"): true}
	soon(t, time.Second, "one", via(ip("192.0.2.12")))
	run.dead <- nil
	soon(t, time.Second, "both again", via(ip("192.0.2.11"), ip("192.0.2.12")))
}

func TestWhenAGatewayIsDead(t *testing.T) {
	for name, c := range map[string]struct {
		saw  string // a answered, s silent, u unreachable
		dead bool
	}{
		"it answers":                        {"aaa", false},
		"two misses":                        {"ass", false},
		"three misses":                      {"asss", true},
		"misses apart":                      {"assass", false},
		"one answer is not yet back":        {"asssa", true},
		"back":                              {"asssaaa", false},
		"behind a filter":                   {"ssssssss", false},
		"behind a filter and without power": {"ssssu", true},
		"behind a filter, power is back":    {"ssussssss", false},
		"behind a filter, the kernel asks once again": {"ssusssu", true},
	} {
		var j judge
		for _, a := range c.saw {
			j.saw(map[rune]answer{'a': answered, 's': silent, 'u': unreachable}[a])
		}
		assert.Equal(t, c.dead, j.dead, name)
	}
	assert.Equal(t, answered, read(syscall.ECONNREFUSED))
	assert.Equal(t, unreachable, read(syscall.EHOSTUNREACH))
	assert.Equal(t, silent, read(context.DeadlineExceeded))
}

// Three misses are over within 3 s after the last answer.
func TestGatewaysAreAskedInTime(t *testing.T) {
	var mu sync.Mutex
	gone, told := false, make(chan map[netip.Addr]bool, 8)
	g := &Gateways{Dead: func(d map[netip.Addr]bool) { told <- d }, Dial: func(ctx context.Context, to netip.AddrPort) error {
		mu.Lock()
		defer mu.Unlock()
		if gone && to.Addr() == ip("192.0.2.11") {
			return syscall.ETIMEDOUT
		}
		return syscall.ECONNREFUSED
	}}
	g.Watch([]netip.Addr{ip("192.0.2.11"), ip("192.0.2.12")})
	go g.Run(t.Context())
	<-time.After(100 * time.Millisecond)
	mu.Lock()
	gone = true
	mu.Unlock()
	since := time.Now()
	assert.Equal(t, map[netip.Addr]bool{ip("192.0.2.11"): true}, <-told)
	assert.Less(t, time.Since(since), 3*time.Second)
}
