package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"provision/provision/bundle"
)

// writeFile replaces a file whole: a reader sees the old or the new one.
func (s *Store) writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Join(s.dir, "tmp"), "file-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := lockFile(f, false); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync()); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return syncFile(filepath.Dir(path))
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	return nil
}

// lockFile takes the kernel's lock on an open file; it goes with the process.
func lockFile(f *os.File, wait bool) error {
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Lock keeps other processes from obtaining the same artifact at the same time.
// waiting, when given, is called once if someone else holds the lock.
func (s *Store) Lock(ctx context.Context, ref bundle.Ref, waiting func()) (unlock func(), err error) {
	if err := checkRef(ref); err != nil {
		return nil, err
	}
	return s.LockName(ctx, refFile(ref), waiting)
}

// LockName is Lock for anything with a name of its own: an apt state, a build.
func (s *Store) LockName(ctx context.Context, name string, waiting func()) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "locks", name+".lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", name, err)
	}
	err = lockFile(f, false)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		if waiting != nil {
			waiting()
		}
		err = awaitLock(ctx, f)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", name, err)
	}
	return func() { f.Close() }, nil
}

// awaitLock retries because a blocking flock cannot be interrupted by ctx.
func awaitLock(ctx context.Context, f *os.File) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err := lockFile(f, false); !errors.Is(err, syscall.EWOULDBLOCK) {
				return err
			}
		}
	}
}

// TempDir makes a folder on the store's file system. It is the caller's until
// done is called; what a killed process left is removed by Sweep.
func (s *Store) TempDir(pattern string) (dir string, done func(), err error) {
	dir, err = os.MkdirTemp(filepath.Join(s.dir, "tmp"), pattern)
	if err != nil {
		return "", nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	f, err := os.Open(dir)
	if err == nil {
		err = lockFile(f, false)
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	return dir, func() { os.RemoveAll(dir); f.Close() }, nil
}

// Sweep removes temporary files and folders that no living process holds.
func (s *Store) Sweep() error {
	tmp := filepath.Join(s.dir, "tmp")
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return fmt.Errorf("sweeping the artifact store: %w", err)
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(tmp, e.Name()))
		if err != nil {
			continue
		}
		// Between creating and locking there is an instant: leave young ones.
		if info, err := f.Stat(); err == nil && time.Since(info.ModTime()) > time.Minute && lockFile(f, false) == nil {
			err = os.RemoveAll(f.Name())
			if err != nil {
				f.Close()
				return fmt.Errorf("sweeping the artifact store: %w", err)
			}
		}
		f.Close()
	}
	return nil
}
