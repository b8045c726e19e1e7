package lease

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"provision/provision/internal/proc"
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
	s, err := proc.ReadStat(pid)
	return Process{ID: pid, Start: s.Start}, err
}

// Running reports whether this very process still is. One that has ended and
// waits for its parent is not.
func (p Process) Running() bool {
	s, err := proc.ReadStat(p.ID)
	return err == nil && s.Start == p.Start && !s.Dead
}

// ErrNotOurs says that a process is not one of our programs.
var ErrNotOurs = errors.New("it is not one of provision's programs")

// Kill ends this very process, suspended or not, if it runs a program below the
// folder, and waits until it has ended. That it has is no error.
func (p Process) Kill(ctx context.Context, programs string) error {
	return proc.Kill(ctx, p.ID, func() (bool, error) {
		if !p.Running() {
			return false, nil
		}
		program, err := os.Readlink("/proc/" + strconv.Itoa(p.ID) + "/exe")
		ours := err == nil && strings.HasPrefix(program, strings.TrimSuffix(programs, "/")+"/")
		if !ours && p.Running() {
			return false, fmt.Errorf("ending process %d (%s): %w", p.ID, program, ErrNotOurs)
		}
		return ours, nil
	})
}
