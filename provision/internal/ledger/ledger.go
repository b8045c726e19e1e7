package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"provision/provision/facts"
)

// Ledger is an open, locked ledger. Its methods return when the record is on
// disk; concurrent ones share a sync.
type Ledger struct {
	dir  string
	lock *os.File
	log  *os.File

	mu    sync.Mutex
	idle  sync.Cond // signalled when no flush runs
	state State
	busy  bool
	next  *batch
	err   error // first failure; nothing is written after it
}

type batch struct {
	lines []byte
	done  chan struct{}
	err   error
}

// ErrFailed is returned by every write after one failed: what is on disk is
// then unknown until the ledger is read again.
var ErrFailed = errors.New("the ledger failed before; run again")

// StaleError says that a later epoch was seen.
type StaleError struct{ Epoch uint64 }

// Error implements error.
func (e *StaleError) Error() string {
	return fmt.Sprintf("epoch %d was seen before; a later one is needed", e.Epoch)
}

// Open takes the lock (or returns *HeldError), drops the log's torn tail, and
// records the epoch, which must exceed every earlier one (or returns
// *StaleError).
func Open(dir string, holder Holder) (_ *Ledger, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening ledger: %w", err)
	}
	l := &Ledger{dir: dir}
	l.idle.L = &l.mu
	if l.lock, err = lock(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = l.Close()
		}
	}()
	state, good, err := load(dir)
	if err != nil {
		return nil, err
	}
	l.state = state
	if holder.Epoch <= state.Epoch || holder.Seen != nil && *holder.Seen != state.Epoch {
		return nil, &StaleError{Epoch: state.Epoch}
	}
	// First of all, for those who ask meanwhile: the rest waits for the disk.
	if err := writeHolder(l.lock, holder); err != nil {
		return nil, err
	}
	if err := l.openLog(good); err != nil {
		return nil, err
	}
	return l, l.append(record{Epoch: holder.Epoch})
}

func (l *Ledger) openLog(good int) error {
	file, err := os.OpenFile(filepath.Join(l.dir, logFile), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening ledger: %w", err)
	}
	l.log = file
	if err := file.Truncate(int64(good)); err != nil {
		return fmt.Errorf("dropping the ledger's torn tail: %w", err)
	}
	return syncDir(l.dir) // the log's own name must survive as well
}

// Raise records a later epoch and its holder.
func (l *Ledger) Raise(holder Holder) error {
	if seen := l.State().Epoch; holder.Epoch <= seen {
		return &StaleError{Epoch: seen}
	}
	if err := l.append(record{Epoch: holder.Epoch}); err != nil {
		return err
	}
	return writeHolder(l.lock, holder)
}

// Close waits for writes under way and lets the lock go.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.busy {
		l.idle.Wait()
	}
	if l.err == nil {
		l.err = os.ErrClosed
	}
	var err error
	if l.log != nil {
		err = errors.Join(l.log.Close(), l.lock.Truncate(0)) // nobody has it
	}
	return errors.Join(err, l.lock.Close())
}

// State returns a copy.
func (l *Ledger) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.clone()
}

// Leave forgets the cluster: its identity, its roster and open restarts, in one
// record. Epochs stay, so that late writers of an older run are still refused.
func (l *Ledger) Leave() error { return l.append(record{Left: true}) }

// Put records an entry, new or changed; a new one goes to the end.
func (l *Ledger) Put(entry Entry) error { return l.append(record{Entry: &entry}) }

// Forget drops an entry.
func (l *Ledger) Forget(id string) error { return l.append(record{Forget: id}) }

// Restart opens (or replaces) the record of a unit that must be acted on.
func (l *Ledger) Restart(unit string, r facts.Restart) error {
	return l.append(record{Restart: &restart{Unit: unit, Restart: r}})
}

// Clear closes a unit's record.
func (l *Ledger) Clear(unit string) error { return l.append(record{Clear: unit}) }

// SetIdentity replaces identity and pending identity at once.
func (l *Ledger) SetIdentity(identity, pending *facts.Identity) error {
	return l.append(record{Identity: &identityRecord{Identity: identity, Pending: pending}})
}

// SetRoster replaces the roster.
func (l *Ledger) SetRoster(roster facts.Roster) error { return l.append(record{Roster: &roster}) }
