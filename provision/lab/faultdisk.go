package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// filler is the file that fills a file system, at its root.
const filler = ".lab-filler"

// fillScript allocates ever smaller pieces until not one block is left.
const fillScript = `f="$1"; left=$(df -B1 --output=avail "$(dirname "$f")" | tail -n 1); at=0
: > "$f" || exit 1
while [ "$left" -ge 1024 ]; do
  if fallocate -o "$at" -l "$left" "$f" 2>/dev/null; then at=$((at + left)); else left=$((left / 2)); fi
done`

func checkPath(_ *Lab, _ hostState, f Fault) error {
	if !filepath.IsAbs(f.Path) || filepath.Clean(f.Path) != f.Path || strings.ContainsAny(f.Path, ":\\\n") {
		return fmt.Errorf("cannot use path %q: give an absolute one, such as /var/lib/etcd", f.Path)
	}
	return nil
}

// fillerOf finds the file system that holds a path and refuses this machine's own.
func (l *Lab) fillerOf(ctx context.Context, h hostState, path string) (string, error) {
	target, kind, err := l.mountOf(ctx, h, path, "FSTYPE")
	if err != nil {
		return "", err
	}
	if h.Kind == VM && kind != "tmpfs" || h.disk(target) != nil {
		return filepath.Join(target, filler), nil
	}
	return "", fmt.Errorf("%s of host %s is on a file system of this machine (%s), which stays as it is; boot the lab with a disk for it: lab up --disk %s=1G",
		path, h.Name, target, path)
}

// mountOf finds what is mounted where a path is, and a column of findmnt's: of
// mounts one over the other it prints the topmost last.
func (l *Lab) mountOf(ctx context.Context, h hostState, path, column string) (target, value string, err error) {
	out, err := l.Exec(ctx, h.Name, "findmnt", "--noheadings", "--output", "TARGET,"+column, "--target", path)
	if err != nil {
		return "", "", fmt.Errorf("finding the file system of %s: %w", path, err)
	}
	f := strings.Fields(tail([]byte(out), 1))
	if len(f) != 2 {
		return "", "", fmt.Errorf("finding the file system of %s: findmnt says %q", path, out)
	}
	return f[0], f[1], nil
}

func (l *Lab) fill(ctx context.Context, h hostState, f Fault) error {
	path, err := l.fillerOf(ctx, h, f.Path)
	if err != nil {
		return err
	}
	_, err = l.Exec(ctx, h.Name, "sh", "-c", fillScript, "sh", path)
	return err
}

func (l *Lab) free(ctx context.Context, h hostState, f Fault) error {
	path, err := l.fillerOf(ctx, h, f.Path)
	if err != nil {
		return nil // it never was filled
	}
	_, err = l.Exec(ctx, h.Name, "rm", "-f", path)
	return err
}

// protect binds the folder over itself, because a file system with files open
// for writing cannot be made read-only.
func (l *Lab) protect(ctx context.Context, h hostState, f Fault) error {
	if err := l.unprotect(ctx, h, f); err != nil {
		return err
	}
	if _, err := l.Exec(ctx, h.Name, "mount", "--bind", f.Path, f.Path); err != nil {
		return err
	}
	_, err := l.Exec(ctx, h.Name, "mount", "-o", "remount,bind,ro", f.Path)
	return err
}

func (l *Lab) unprotect(ctx context.Context, h hostState, f Fault) error {
	target, options, err := l.mountOf(ctx, h, f.Path, "OPTIONS")
	if err != nil || target != f.Path || !strings.HasPrefix(options, "ro,") {
		return err // not ours, or gone with a reboot
	}
	_, err = l.Exec(ctx, h.Name, "umount", "--lazy", f.Path)
	return err
}

func (l *Lab) checkClock(h hostState, _ Fault) error {
	if h.Kind != VM {
		return fmt.Errorf("cannot set the clock of %s: a container has this machine's clock; make it a virtual machine: lab up --vm %s", h.Name, h.Name)
	}
	return nil
}

func (l *Lab) shiftClock(ctx context.Context, h hostState, f Fault) error {
	at := time.Now().Add(f.Offset)
	_, err := l.Exec(ctx, h.Name, "date", "--utc", "--set", fmt.Sprintf("@%d.%03d", at.Unix(), at.Nanosecond()/1e6))
	return err
}

func (l *Lab) resetClock(ctx context.Context, h hostState, _ Fault) error {
	return l.shiftClock(ctx, h, Fault{})
}
