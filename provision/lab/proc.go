package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"provision/provision/internal/proc"
)

// alive reports whether it is still that process, not another of the same pid.
func (p process) alive() bool {
	if p.PID == 0 {
		return false
	}
	s, err := proc.ReadStat(p.PID)
	return err == nil && s.Start == p.Start && !s.Dead
}

// initOf finds the init of a container below the process that runs it: the
// first that is process 1 of a namespace of its own.
func initOf(p process) (int, error) {
	if !p.alive() {
		return 0, errors.New("the host is off")
	}
	children, err := processTree()
	if err != nil {
		return 0, err
	}
	for queue := children[p.PID]; len(queue) > 0; {
		pid := queue[0]
		if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil && isInit(status) {
			return pid, nil
		}
		queue = append(queue[1:], children[pid]...)
	}
	return 0, errors.New("the host is between two boots")
}

// processTree maps each process to its children.
func processTree() (map[int][]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := proc.ReadStat(pid); err == nil && !s.Dead {
			children[s.Parent] = append(children[s.Parent], pid)
		}
	}
	return children, nil
}

// isInit reads the last number of NSpid, the pid in the innermost namespace.
func isInit(status []byte) bool {
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "NSpid:" {
			return f[len(f)-1] == "1"
		}
	}
	return false
}

// kill sends SIGKILL and waits until the process is gone, reaping it when it
// is our own child.
func kill(ctx context.Context, pid int) error {
	err := proc.Kill(ctx, pid, nil)
	if err == nil {
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // ours only; others have another parent
	}
	return err
}
