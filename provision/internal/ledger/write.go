package ledger

import (
	"fmt"
	"os"
	"path/filepath"
)

// append adds a record and returns when it is on disk. The first caller writes;
// callers that come while it does are written together by the next sync.
func (l *Ledger) append(r record) error {
	l.mu.Lock()
	if l.err != nil {
		defer l.mu.Unlock()
		return fmt.Errorf("writing ledger: %w", l.err)
	}
	r.Format, r.Seq = Format, l.state.Seq+1
	line, err := encodeRecord(r)
	if err != nil {
		l.mu.Unlock()
		return err
	}
	l.state.apply(r)
	if l.next == nil {
		l.next = &batch{done: make(chan struct{})}
	}
	mine := l.next
	mine.lines = append(mine.lines, line...)
	if !l.busy {
		l.busy = true
		l.flush()
	}
	l.mu.Unlock()
	<-mine.done
	return mine.err
}

// flush writes batches until none is left. It is called, and returns, with the
// mutex held; it lets it go while it writes.
func (l *Ledger) flush() {
	for l.next != nil {
		b := l.next
		l.next = nil
		b.err = l.err
		if b.err == nil {
			l.mu.Unlock()
			b.err = l.write(b.lines)
			l.mu.Lock()
			if b.err != nil {
				l.err = fmt.Errorf("%w: %w", ErrFailed, b.err)
			}
		}
		close(b.done)
	}
	l.busy = false
	l.idle.Broadcast()
}

func (l *Ledger) write(lines []byte) error {
	if _, err := l.log.Write(lines); err != nil {
		return fmt.Errorf("writing ledger: %w", err)
	}
	if err := l.log.Sync(); err != nil {
		return fmt.Errorf("writing ledger: %w", err)
	}
	return nil
}

// Compact writes the state as a snapshot and empties the log. A crash between
// the two leaves records that the snapshot already has, which are passed over.
func (l *Ledger) Compact() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.busy {
		l.idle.Wait()
	}
	if l.err != nil {
		return fmt.Errorf("compacting ledger: %w", l.err)
	}
	if err := l.compact(); err != nil {
		l.err = fmt.Errorf("%w: %w", ErrFailed, err)
		return fmt.Errorf("compacting ledger: %w", err)
	}
	return nil
}

func (l *Ledger) compact() error {
	raw, err := encodeSnapshot(l.state)
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(l.dir, snapshotFile), raw); err != nil {
		return err
	}
	if err := l.log.Truncate(0); err != nil {
		return err
	}
	return l.log.Sync()
}

func replace(path string, content []byte) error {
	next := path + ".new"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = file.Sync()
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}
