package lease

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"provision/provision/internal/names"
)

// Term is how long after its operator's last word a session is over, whatever
// its process does. It is longer than the silence after which an agent ends its
// session itself, so that only agents are ended that cannot do that.
const Term = 12 * time.Second

// Patience is how long a session that is over may take to tidy up.
const Patience = 2 * time.Second

// State is what a process says of itself.
type State struct {
	// Heard is when its operator was heard last, on the host's clock that
	// nobody can set (see Clock).
	Heard time.Duration `json:"heard"`
	// Over is set when the session has ended, but its process has not.
	Over bool `json:"over,omitempty"`
	// Held is set once it has the host's lock, and with it its epoch alone.
	Held bool `json:"held,omitempty"`
	// Blobs is set for a process that only receives blobs.
	Blobs bool `json:"blobs,omitempty"`
}

// Entry is one process.
type Entry struct {
	ID      string // its file's name
	Epoch   uint64 // that it has, or wants
	Process Process
	State
}

// Expired reports whether the session must have ended by now.
func (e Entry) Expired(now time.Duration) bool {
	silent := now - e.Heard
	return !e.Blobs && (silent > Term || e.Over && silent > Patience)
}

// Clock is the host's monotonic time since its boot.
func Clock() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // cannot happen on Linux
	}
	return time.Duration(now.Nano())
}

// Lease is this process's own entry.
type Lease struct {
	ID   string
	path string
}

// Add writes an entry into a folder below /run.
func Add(dir string, epoch uint64, process Process, state State) (*Lease, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("naming a lease: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of leases: %w", err)
	}
	id := fmt.Sprintf("%d.%d.%d.%s", epoch, process.ID, process.Start, hex.EncodeToString(random[:]))
	l := &Lease{ID: id, path: filepath.Join(dir, id)}
	return l, l.Set(state)
}

// Set replaces what the entry says, in one go.
func (l *Lease) Set(state State) error {
	raw, err := json.Marshal(state)
	if err == nil {
		err = os.WriteFile(l.path+".new", raw, 0o600)
	}
	if err == nil {
		err = os.Rename(l.path+".new", l.path)
	}
	if err != nil {
		return fmt.Errorf("writing lease: %w", err)
	}
	return nil
}

// End removes the entry.
func (l *Lease) End() { forget(l.path) }

// Forget removes the entry of a process that is gone.
func Forget(dir string, entry Entry) { forget(filepath.Join(dir, entry.ID)) }

func forget(path string) {
	_ = os.Remove(path)
	_ = os.Remove(path + ".new") // left by a process that was killed
}

// List returns all entries. One that cannot be read is left out: it is being
// removed.
func List(dir string) ([]Entry, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing leases: %w", err)
	}
	var list []Entry
	for _, file := range files {
		entry, ok := parse(file.Name())
		if !ok {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err == nil && json.Unmarshal(raw, &entry.State) == nil {
			list = append(list, entry)
		}
	}
	return list, nil
}

func parse(name string) (Entry, bool) {
	parts := strings.Split(name, ".") // EPOCH.PID.START.RANDOM
	if len(parts) != 4 || !names.Number(parts[0], 20) || !names.Number(parts[1], 10) || !names.Number(parts[2], 20) ||
		len(parts[3]) != 16 || !names.Only(parts[3], "", names.Hex, 16) {
		return Entry{}, false
	}
	epoch, errEpoch := strconv.ParseUint(parts[0], 10, 64)
	pid, errPID := strconv.Atoi(parts[1])
	start, errStart := strconv.ParseUint(parts[2], 10, 64)
	entry := Entry{ID: name, Epoch: epoch, Process: Process{ID: pid, Start: start}}
	return entry, errEpoch == nil && errPID == nil && errStart == nil && pid > 1
}
