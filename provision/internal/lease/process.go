package lease

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process is one life of a process id.
type Process struct {
	ID    int
	Start uint64 // of /proc/PID/stat: clock ticks since boot
}

// Self is this process.
func Self() (Process, error) { return Find(os.Getpid()) }

// Find is the life that a process id has now.
func Find(pid int) (Process, error) {
	start, _, err := stat(pid)
	return Process{ID: pid, Start: start}, err
}

// Alive reports whether a process has this id that has not ended yet.
func Alive(pid int) bool {
	_, state, err := stat(pid)
	return err == nil && state != 'Z' && state != 'X'
}

// Running reports whether this very process still is. One that has ended and
// waits for its parent is not.
func (p Process) Running() bool {
	start, state, err := stat(p.ID)
	return err == nil && start == p.Start && state != 'Z' && state != 'X'
}

// stat reads the start time and the state of a process.
func stat(pid int) (start uint64, state byte, err error) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	return parseStat(raw)
}

// parseStat reads fields 3 and 22. The second is the command's name, in
// brackets, and may hold anything.
func parseStat(raw []byte) (start uint64, state byte, err error) {
	text := string(raw)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 || len(fields[0]) != 1 {
		return 0, 0, fmt.Errorf("reading the state of a process: %.60q is none", raw)
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return start, fields[0][0], err
}

// ErrNotOurs says that a process is not one of our programs.
var ErrNotOurs = errors.New("it is not one of provision's programs")

// Kill ends this very process, suspended or not, if it runs a program below the
// folder, and waits until it has ended. That it has is no error.
func (p Process) Kill(ctx context.Context, programs string) error {
	fd, err := unix.PidfdOpen(p.ID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening process %d: %w", p.ID, err)
	}
	defer func() { _ = unix.Close(fd) }()
	// What the descriptor means can no longer change; is it the one we mean?
	if !p.Running() {
		return nil
	}
	program, err := os.Readlink("/proc/" + strconv.Itoa(p.ID) + "/exe")
	if err != nil || !strings.HasPrefix(program, strings.TrimSuffix(programs, "/")+"/") {
		if !p.Running() {
			return nil
		}
		return fmt.Errorf("ending process %d (%s): %w", p.ID, program, ErrNotOurs)
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("ending process %d: %w", p.ID, err)
	}
	return Ended(ctx, fd, p.ID)
}

// Ended waits until the process of a descriptor has ended.
func Ended(ctx context.Context, fd, pid int) error {
	for ctx.Err() == nil {
		const look = 100 * time.Millisecond // how soon a cancel is noticed
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(polled, int(look/time.Millisecond))
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("waiting for the end of process %d: %w", pid, err)
		}
	}
	return fmt.Errorf("process %d does not end: %w", pid, context.Cause(ctx))
}
