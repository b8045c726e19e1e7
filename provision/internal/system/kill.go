package system

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// killWait bounds the wait for a killed process to be gone: one in an
// uninterruptible wait may never be.
const killWait = 10 * time.Second

// kill ends a process of the machine and waits until it is gone. One that is
// gone already is no error.
func kill(ctx context.Context, pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("killing process %d: %w", pid, err)
	}
	for until := time.Now().Add(killWait); time.Now().Before(until) && ctx.Err() == nil; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Second/time.Millisecond)) //nolint:gosec // descriptors are small
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("waiting for process %d: %w", pid, err)
		}
	}
	return errors.Join(fmt.Errorf("process %d was killed and is still there", pid), ctx.Err())
}

func refuseKill(_ context.Context, pid int) error {
	return fmt.Errorf("killing process %d: %w", pid, errRooted)
}
