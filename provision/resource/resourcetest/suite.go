package resourcetest

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/internal/system"
	"provision/provision/internal/system/systemfake"
	"provision/provision/resource"
)

// Case is a kind with one wanted thing and a host to have it on.
type Case struct {
	Title string
	Kind  resource.Kind[*system.System]
	Name  string
	Spec  any
	// Setup makes the host as it is before the first apply.
	Setup func(host *systemfake.Host) error
	// NoRestore is for what a kind says cannot be undone, or leaves in place on
	// purpose.
	NoRestore bool
	// Drifts are what somebody may do by hand to what was applied, by what it is:
	// each must show, and an apply must put it back. A kind needs at least one.
	Drifts map[string]func(host *systemfake.Host) error
	// Check looks at the host after an apply.
	Check func(t *testing.T, host *systemfake.Host)
}

// Run runs the suite for each case.
func Run(t *testing.T, cases ...Case) {
	if child(t, cases) {
		return
	}
	drifts := 0
	for _, c := range cases {
		drifts += len(c.Drifts)
	}
	assert.Positive(t, drifts, "what of it can somebody change by hand?")
	for _, c := range cases {
		t.Run(c.Title, func(t *testing.T) {
			t.Run("observe changes nothing", c.observePure)
			t.Run("apply converges", c.applyConverges)
			t.Run("restore", c.restores)
			for what, drift := range c.Drifts {
				t.Run("drift: "+what, func(t *testing.T) { c.drifts(t, drift) })
			}
			t.Run("killed in apply", c.killedApply)
			t.Run("killed in restore", c.killedRestore)
			t.Run("killed for real", c.killedProcess)
		})
	}
}

// session is a host during one test.
type session struct {
	Case
	t    *testing.T
	host *systemfake.Host
	spec json.RawMessage
}

func (c Case) open(t *testing.T, root string, point func(string)) *session {
	host, err := systemfake.Open(root, systemfake.Options{Point: point})
	require.NoError(t, err)
	spec, err := json.Marshal(c.Spec)
	require.NoError(t, err)
	return &session{Case: c, t: t, host: host, spec: spec}
}

// fresh is a new host in its first state.
func (c Case) fresh(t *testing.T, point func(string)) *session {
	root := t.TempDir()
	quiet := c.open(t, root, nil)
	if c.Setup != nil {
		require.NoError(t, c.Setup(quiet.host))
	}
	return c.open(t, root, point)
}

func (s *session) observe() json.RawMessage {
	s.t.Helper()
	state, err := s.Kind.Observe(context.Background(), s.host.System, s.Name, s.spec)
	require.NoError(s.t, err, "observing")
	return state
}

func (s *session) diff() []resource.Change {
	s.t.Helper()
	changes, err := s.Kind.Diff(s.Name, s.spec, s.observe())
	require.NoError(s.t, err, "comparing")
	return changes
}

// keep is what the ledger holds before the first apply.
func (s *session) keep() json.RawMessage {
	s.t.Helper()
	kept, err := s.Kind.Keep(context.Background(), s.host.System, s.Name, s.observe())
	require.NoError(s.t, err, "keeping")
	return kept
}

func (s *session) apply() {
	s.t.Helper()
	require.NoError(s.t, s.Kind.Apply(context.Background(), s.host.System, s.Name, s.spec), "applying")
}

func (s *session) restore(before json.RawMessage) {
	s.t.Helper()
	require.NoError(s.t, s.Kind.Restore(context.Background(), s.host.System, s.Name, before), "restoring")
}

func (s *session) tree(times bool) map[string]string {
	s.t.Helper()
	paths, err := tree(s.host.Root, times)
	require.NoError(s.t, err)
	return paths
}

// settled asserts that nothing is left to do, and that doing it again anyway
// changes neither files nor units.
func (s *session) settled() {
	s.t.Helper()
	assert.Empty(s.t, s.diff(), "differences after apply")
	if s.Check != nil {
		s.Check(s.t, s.host)
	}
}

func (c Case) observePure(t *testing.T) {
	s := c.fresh(t, nil)
	before := s.tree(true)
	require.NotEmpty(t, s.diff(), "the case must have something to do")
	first := s.observe()
	assert.JSONEq(t, string(first), string(s.observe()), "observing twice")
	assert.Equal(t, before, s.tree(true))
	s.apply()
	before = s.tree(true)
	s.observe()
	assert.Equal(t, before, s.tree(true), "after apply")
}

func (c Case) applyConverges(t *testing.T) {
	s := c.fresh(t, nil)
	s.apply()
	s.settled()
	files, units := s.tree(false), s.host.Systemd.All()
	s.apply()
	s.settled()
	assert.Equal(t, files, s.tree(false), "a second apply changed files")
	assert.Equal(t, units, s.host.Systemd.All(), "a second apply changed units")
}

func (c Case) restores(t *testing.T) {
	s := c.fresh(t, nil)
	files, units := s.tree(false), s.host.Systemd.All()
	before := s.keep()
	s.apply()
	if c.NoRestore {
		err := s.Kind.Restore(context.Background(), s.host.System, s.Name, before)
		require.ErrorIs(t, err, resource.ErrIrreversible)
		return
	}
	s.restore(before)
	assert.Equal(t, files, s.tree(false), "files after restore")
	assert.Equal(t, units, s.host.Systemd.All(), "units after restore")
	s.restore(before)
	assert.Equal(t, files, s.tree(false), "files after a second restore")
}

// drifts changes by hand what was applied.
func (c Case) drifts(t *testing.T, drift func(*systemfake.Host) error) {
	s := c.fresh(t, nil)
	before := s.keep()
	s.apply()
	files, units := s.tree(false), s.host.Systemd.All()
	require.NoError(t, drift(s.host))
	require.NotEmpty(t, s.diff(), "it must show")
	s.apply()
	s.settled()
	after := s.tree(false)
	for path, want := range files {
		if assert.Contains(t, after, path) && s.Kind.Name() != "cert" { // those are issued anew
			assert.Equal(t, want, after[path], "%s is put back", path)
		}
	}
	assert.Equal(t, units, s.host.Systemd.All(), "units are put back")
	if !c.NoRestore {
		s.restore(before)
	}
}
