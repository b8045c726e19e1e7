package proc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// look is how soon a cancel is noticed; the end itself is noticed at once.
const look = 100 * time.Millisecond

// Kill sends SIGKILL, which suspended processes heed too, and waits until the
// process has ended. One that has ended already is no error. meant, when set, is
// asked once the id can no longer come to mean another process: false leaves it
// alone.
func Kill(ctx context.Context, pid int, meant func() (bool, error)) error {
	return opened(pid, func(fd int) error {
		if meant != nil {
			if ok, err := meant(); err != nil || !ok {
				return err
			}
		}
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("killing process %d: %w", pid, err)
		}
		return ended(ctx, fd, pid)
	})
}

// Wait waits until the process that has the id now has ended.
func Wait(ctx context.Context, pid int) error {
	return opened(pid, func(fd int) error { return ended(ctx, fd, pid) })
}

// opened hands on a pidfd, by which a process is meant and none that comes to
// have its id. There is nothing to do for one that has ended.
func opened(pid int, do func(fd int) error) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening process %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	return do(fd)
}

// ended waits on a pidfd, which becomes readable when the process ends.
func ended(ctx context.Context, fd, pid int) error {
	for {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // descriptors are small
		n, err := unix.Poll(polled, int(look/time.Millisecond))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("waiting for the end of process %d: %w", pid, err)
		}
		if n > 0 {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("process %d does not end: %w", pid, context.Cause(ctx))
		}
	}
}
