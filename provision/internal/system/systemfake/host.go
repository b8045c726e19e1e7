package systemfake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"provision/provision/internal/system"
)

// StateDir is where the fakes keep what a real host keeps in memory.
const StateDir = "/run/fake"

// Host is a system with its fakes in reach.
type Host struct {
	*system.System
	Root     string
	Systemd  *Units
	Commands *Runner
	CA       *Authority
}

// Options of a fake host; all may be left out.
type Options struct {
	Point func(name string)
	Now   func() time.Time
}

// Open is the host whose files are below root. Opened again, it is the same
// host. Its unit files, accounts and packages are those of its files.
func Open(root string, options Options) (*Host, error) {
	if options.Point == nil {
		options.Point = func(string) {}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	for _, folder := range []string{StateDir, system.StateDir} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			return nil, fmt.Errorf("opening fake host: %w", err)
		}
	}
	units := &Units{root: root, point: options.Point}
	runner := &Runner{root: root, point: options.Point}
	authority := &Authority{root: root, now: options.Now}
	sys, err := system.Real(root, system.Options{
		Runner: runner, Units: units, Signer: authority, Now: options.Now, Point: options.Point,
		Kill: func(_ context.Context, pid int) error {
			return os.RemoveAll(filepath.Join(root, "proc", strconv.Itoa(pid)))
		},
	})
	if err != nil {
		return nil, err
	}
	return &Host{System: sys, Root: root, Systemd: units, Commands: runner, CA: authority}, nil
}

// Put writes a file of root's, with its folders.
func (h *Host) Put(path, content string, mode os.FileMode) error {
	real := filepath.Join(h.Root, path)
	if err := os.MkdirAll(filepath.Dir(real), 0o755); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(real, []byte(content), mode), os.Chmod(real, mode))
}

// PutBlob stores a blob and returns its sha256.
func (h *Host) PutBlob(content []byte) (string, error) {
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	return digest, h.Put(system.BlobDir+"/"+digest, string(content), 0o600)
}
