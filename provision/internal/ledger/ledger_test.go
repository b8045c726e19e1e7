package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"provision/provision/agent/api"
	"provision/provision/facts"
)

func open(t require.TestingT, dir string, epoch uint64) *Ledger {
	l, err := Open(dir, Holder{Name: "ann@desk 1", Since: time.Unix(5, 0).UTC(), Epoch: epoch})
	require.NoError(t, err)
	return l
}

func entry(id string) Entry {
	return Entry{ID: id, Kind: "file", Name: id, Before: json.RawMessage(`{"was":"` + id + `"}`)}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, 1)
	require.NoError(t, l.Put(entry("a")))
	require.NoError(t, l.Put(entry("b")))
	changed := entry("a")
	changed.Blobs = []string{"x"}
	require.NoError(t, l.Put(changed))
	require.NoError(t, l.Restart("u.service", facts.Restart{Invocation: "1", Action: "restart"}))
	require.NoError(t, l.Restart("v.service", facts.Restart{Invocation: "2", Action: "reload"}))
	require.NoError(t, l.Clear("v.service"))
	require.NoError(t, l.SetIdentity(nil, &facts.Identity{UUID: "u"}))
	require.NoError(t, l.SetRoster(facts.Roster{Hosts: []facts.RosterHost{{Name: "m1"}}}))
	want := l.State()
	for _, compacted := range []bool{false, true} {
		if compacted {
			require.NoError(t, l.Compact())
			require.NoError(t, l.Forget("b"))
			want = l.State()
		}
		got, err := Read(dir)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	assert.Equal(t, []string{"a"}, ids(want))
	require.NoError(t, l.Close())
	assert.Error(t, l.Put(entry("late")))
}

func ids(s State) []string {
	var out []string
	for _, e := range s.Entries {
		out = append(out, e.ID)
	}
	return out
}

func TestReadingWritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	state, err := Read(dir)
	require.NoError(t, err)
	assert.Empty(t, state.Entries)
	_, err = os.Stat(dir)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestLockIsHeldByOneAndFencedByEpoch(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, 5)
	_, err := Open(dir, Holder{Name: "bob", Epoch: 9})
	var held *HeldError
	require.ErrorAs(t, err, &held)
	assert.Equal(t, Holder{Name: "ann@desk 1", Since: time.Unix(5, 0).UTC(), Epoch: 5}, held.Holder)
	require.NoError(t, l.Close())

	_, err = Open(dir, Holder{Name: "bob", Epoch: 5})
	var stale *StaleError
	require.ErrorAs(t, err, &stale)
	assert.EqualValues(t, 5, stale.Epoch)
	require.NoError(t, open(t, dir, 6).Close())
}

func TestNewerFormatIsRefused(t *testing.T) {
	newer := fmt.Sprintf(`{"format":%d,"seq":1,"new":{}}`, Format+1)
	line, err := encodeRecord(record{Format: Format + 1, Seq: 1})
	require.NoError(t, err)
	for name, content := range map[string]string{snapshotFile: newer, logFile: string(line)} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		_, err := Read(dir)
		var typed *api.Error
		require.ErrorAs(t, err, &typed, name)
		assert.Equal(t, api.CodeNewer, typed.Code)
		_, err = Open(dir, Holder{Epoch: 1})
		assert.Error(t, err)
	}
}

func TestConcurrentWritesAllArrive(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, 1)
	var wait sync.WaitGroup
	for i := range 200 {
		wait.Go(func() { assert.NoError(t, l.Put(entry(fmt.Sprint(i)))) })
	}
	for range 5 {
		wait.Go(func() { assert.NoError(t, l.Compact()) })
	}
	wait.Wait()
	want := l.State()
	require.NoError(t, l.Close())
	got, err := Read(dir)
	require.NoError(t, err)
	assert.Len(t, got.Entries, 200)
	assert.Equal(t, want, got)
}

func TestReadersNeverSeeADamagedLedger(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, 1)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		seen := 0
		for {
			state, err := Read(dir)
			if !assert.NoError(t, err) || !assert.GreaterOrEqual(t, len(state.Entries), seen) {
				return
			}
			seen = len(state.Entries)
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for i := range 100 {
		require.NoError(t, l.Put(entry(fmt.Sprint(i))))
		if i%7 == 0 {
			require.NoError(t, l.Compact())
		}
	}
	close(stop)
	wait.Wait()
	require.NoError(t, l.Close())
}

// Any truncation of the log, with or without garbage behind it, yields a state
// that the ledger once had, and a ledger that can be written.
func TestTornLogYieldsAnEarlierState(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		require.NoError(t, err)
		l := open(t, dir, 1)
		history := []State{{Format: Format}, l.State()}
		compactAt := rapid.IntRange(0, 12).Draw(t, "compact")
		kept := 0
		for i := range rapid.IntRange(1, 12).Draw(t, "records") {
			require.NoError(t, draw(t, l))
			history = append(history, l.State())
			if i == compactAt {
				require.NoError(t, l.Compact())
				kept = len(history) - 1
			}
		}
		require.NoError(t, l.Close())
		path := filepath.Join(dir, logFile)
		log, err := os.ReadFile(path)
		require.NoError(t, err)
		cut := rapid.IntRange(0, len(log)).Draw(t, "cut")
		garbage := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "garbage")
		require.NoError(t, os.WriteFile(path, append(log[:cut:cut], garbage...), 0o600))

		got, err := Read(dir)
		require.NoError(t, err)
		assert.Contains(t, encode(t, history[kept:]...), encode(t, got)[0])
		again := open(t, dir, 2)
		require.NoError(t, again.Put(entry("after")))
		require.NoError(t, again.Close())
		state, err := Read(dir)
		require.NoError(t, err)
		assert.Contains(t, ids(state), "after")
	})
}

// encode makes nil and empty the same.
func encode(t require.TestingT, states ...State) []string {
	var out []string
	for _, state := range states {
		raw, err := json.Marshal(state)
		require.NoError(t, err)
		out = append(out, string(raw))
	}
	return out
}

func draw(t *rapid.T, l *Ledger) error {
	id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id")
	switch rapid.IntRange(0, 4).Draw(t, "op") {
	case 0:
		return l.Forget(id)
	case 1:
		return l.Restart(id, facts.Restart{Invocation: id})
	case 2:
		return l.Clear(id)
	case 3:
		return l.SetIdentity(&facts.Identity{UUID: id}, nil)
	}
	return l.Put(entry(id))
}

func TestFailedWriteStopsTheLedger(t *testing.T) {
	l := open(t, t.TempDir(), 1)
	require.NoError(t, l.log.Close())
	require.Error(t, l.Put(entry("a")))
	assert.ErrorIs(t, l.Put(entry("b")), ErrFailed)
	assert.ErrorIs(t, l.Compact(), ErrFailed)
	assert.Error(t, errors.Join(l.Close()))
}

func TestTheRemedyForADamagedLedgerHelps(t *testing.T) {
	for name, damage := range map[string]string{"not JSON": "{", "wrong types": `{"format":1,"entries":5}`, "no longer there": ""} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ledger")
			l := open(t, dir, 1)
			require.NoError(t, errors.Join(l.Put(entry("a")), l.Compact(), l.Put(entry("b")), l.Close()))
			path := filepath.Join(dir, snapshotFile)
			if damage == "" {
				require.NoError(t, os.Remove(path))
			} else {
				require.NoError(t, os.WriteFile(path, []byte(damage), 0o600))
			}
			_, err := Read(dir)
			require.ErrorContains(t, err, "damaged")
			require.ErrorContains(t, err, "move "+dir+" away and apply again")
			require.ErrorContains(t, err, "no longer known")

			require.NoError(t, os.Rename(dir, dir+".old"))
			again := open(t, dir, 1)
			require.NoError(t, errors.Join(again.Put(entry("c")), again.Close()))
		})
	}
}

func FuzzReplay(f *testing.F) {
	good, err := encodeRecord(record{Format: Format, Seq: 1, Forget: "x"})
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte("00000000 {}\n"))
	f.Add([]byte("short\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		state := State{Format: Format}
		n, err := state.replay(log)
		if n > len(log) {
			t.Fatalf("%d of %d bytes, %v", n, len(log), err)
		}
		_, _ = decodeSnapshot(log)
	})
}
