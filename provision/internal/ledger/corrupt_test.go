package ledger

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"provision/provision/facts"
	"provision/test/corrupt"
	"provision/test/faults"
)

// written is a ledger's log and what it says after each of its records.
func written(t *testing.T) (log []byte, states []string) {
	t.Helper()
	dir := t.TempDir()
	l := open(t, dir, 7)
	say := func() {
		raw, err := json.Marshal(l.State())
		require.NoError(t, err)
		states = append(states, string(raw))
	}
	empty, err := json.Marshal(State{Format: Format})
	require.NoError(t, err)
	states = append(states, string(empty))
	say()
	for _, do := range []func() error{
		func() error { return l.Put(entry("a")) }, func() error { return l.Put(entry("b")) },
		func() error {
			return l.Restart("x.service", facts.Restart{Invocation: "0123", Action: "restart", Cause: "h/file"})
		},
		func() error { return l.SetIdentity(&facts.Identity{UUID: "u-1", Cluster: "dc1"}, nil) }, func() error { return l.Forget("a") },
		func() error {
			return l.SetRoster(facts.Roster{Hosts: []facts.RosterHost{{Name: "m1", Address: "10.0.0.1", Port: 22}}})
		},
	} {
		require.NoError(t, do())
		say()
	}
	require.NoError(t, l.Close())
	log, err = os.ReadFile(filepath.Join(dir, logFile))
	require.NoError(t, err)
	return log, states
}

// A damaged log is refused, or is what it was after one of its records: nothing
// is left out from its middle, and nothing in it is changed.
func TestADamagedLogIsRefusedOrCutShort(t *testing.T) {
	log, states := written(t)
	tally := corrupt.Feed(t, 1, func(in []byte) bool {
		state := State{Format: Format}
		good, err := state.replay(in)
		if err != nil {
			assert.ErrorIs(t, err, errDamaged)
			return false
		}
		raw, err := json.Marshal(state)
		require.NoError(t, err)
		assert.Contains(t, states, string(raw))
		assert.LessOrEqual(t, good, len(in))
		return true
	}, log)
	faults.Record(t, "corrupt-ledger-log", "a damaged ledger log is refused, or read up to a torn end; no record is changed or left out from the middle",
		"bits flipped, parts cut, doubled, moved and spliced in a log of seven records", "%d inputs: %d read to an earlier record, %d refused, 0 wrong", tally.Inputs, tally.Accepted, tally.Rejected)
}

func TestADamagedSnapshotIsRefused(t *testing.T) {
	log, states := written(t)
	state := State{Format: Format}
	_, err := state.replay(log)
	require.NoError(t, err)
	good, err := encodeSnapshot(state)
	require.NoError(t, err)
	tally := corrupt.Feed(t, 2, func(in []byte) bool {
		got, err := decodeSnapshot(in)
		if err != nil {
			return false
		}
		raw, err := json.Marshal(got)
		require.NoError(t, err)
		assert.Equal(t, states[len(states)-1], string(raw)) // spaces, or the case of a key
		return true
	}, good)
	faults.Record(t, "corrupt-ledger-snapshot", "a damaged ledger snapshot is never believed", "bits flipped, parts cut, doubled, moved and spliced in a snapshot",
		"%d inputs: %d refused, %d differ in nothing that counts, 0 wrong", tally.Inputs, tally.Rejected, tally.Accepted)
}

func TestASnapshotOfTheFormatBeforeIsRead(t *testing.T) {
	got, err := decodeSnapshot([]byte(`{"format":1,"seq":4,"epoch":3,"entries":[{"id":"x","kind":"file","name":"/x","before":null}]}`))
	require.NoError(t, err)
	assert.EqualValues(t, 3, got.Epoch)
	assert.Len(t, got.Entries, 1)
	_, err = decodeSnapshot([]byte(`{"format":1,"sum":"00000000","state":{}}`))
	assert.ErrorIs(t, err, errDamaged, "one flipped bit in the format is no way around the checksum")
}

// This was read as a torn end: what followed was dropped without a word.
func TestDamageInTheMiddleOfTheLogIsNoTornEnd(t *testing.T) {
	log, _ := written(t)
	lines := bytes.SplitAfter(log, []byte("\n"))
	lines[2] = bytes.Replace(lines[2], []byte(`"b"`), []byte(`"c"`), 1)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, logFile), bytes.Join(lines, nil), 0o600))
	_, err := Read(dir)
	require.ErrorIs(t, err, errDamaged)
	_, err = Open(dir, Holder{Name: "bob", Epoch: 9})
	require.ErrorIs(t, err, errDamaged)
	after, err := os.ReadFile(filepath.Join(dir, logFile))
	require.NoError(t, err)
	assert.Equal(t, bytes.Join(lines, nil), after, "nothing was cut off")
}
