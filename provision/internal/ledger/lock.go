package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Holder says who has the lock.
type Holder struct {
	Name  string    `json:"holder"`
	Since time.Time `json:"since"`
	Epoch uint64    `json:"epoch"`
	// Doing is what for, for people.
	Doing string `json:"doing,omitempty"`
	// Lease is the name of the holder's lease.
	Lease string `json:"lease,omitempty"`
	// Brief says that it only needs the lock for a moment.
	Brief bool `json:"brief,omitempty"`
	// Seen, when set, is the epoch that the holder has read before: another
	// run has come between if it is not that any more.
	Seen *uint64 `json:"-"`
}

// HeldError says that somebody else has the lock.
type HeldError struct{ Holder Holder }

// Error implements error.
func (e *HeldError) Error() string {
	return fmt.Sprintf("the host is locked by %s since %s", e.Holder.Name, e.Holder.Since.Format(time.RFC3339))
}

// lock takes the kernel's lock on a file, which ends with the process.
func lock(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return file, nil
	}
	defer func() { _ = file.Close() }()
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("locking: %w", err)
	}
	held := &HeldError{Holder: Holder{Name: "another operator"}}
	if raw, err := io.ReadAll(file); err == nil {
		_ = json.Unmarshal(raw, &held.Holder) // not written yet: stays "another operator"
	}
	return nil, held
}

func writeHolder(file *os.File, holder Holder) error {
	raw, err := json.Marshal(holder)
	if err == nil {
		err = file.Truncate(0)
	}
	if err == nil {
		_, err = file.WriteAt(raw, 0)
	}
	if err != nil {
		return fmt.Errorf("writing the lock's holder: %w", err)
	}
	return nil
}
