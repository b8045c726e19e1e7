package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// stat is what we need of /proc/PID/stat.
type stat struct {
	PID, Parent int
	Start       uint64
	Dead        bool // a zombie: nobody has asked for its exit code yet
}

// parseStat reads a stat line; the command in it may hold spaces and brackets.
func parseStat(data []byte) (stat, error) {
	end := bytes.LastIndexByte(data, ')')
	begin := bytes.IndexByte(data, ' ')
	if end < 0 || begin < 0 || begin > end {
		return stat{}, errors.New("reading a process's stat: no command in it")
	}
	f := strings.Fields(string(data[end+1:]))
	if len(f) < 20 {
		return stat{}, errors.New("reading a process's stat: too short")
	}
	pid, err1 := strconv.Atoi(string(data[:begin]))
	parent, err2 := strconv.Atoi(f[1])
	start, err3 := strconv.ParseUint(f[19], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return stat{}, fmt.Errorf("reading a process's stat: %w", err)
	}
	return stat{PID: pid, Parent: parent, Start: start, Dead: f[0] == "Z" || f[0] == "X"}, nil
}

func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(data)
}

// alive reports whether it is still that process, not another of the same pid.
func (p process) alive() bool {
	if p.PID == 0 {
		return false
	}
	s, err := readStat(p.PID)
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
		if s, err := readStat(pid); err == nil && !s.Dead {
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
	return waitGone(ctx, fd, pid)
}

// waitGone waits on a pidfd, which becomes readable when the process ends.
func waitGone(ctx context.Context, pidfd, pid int) error {
	for {
		fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int((100 * time.Millisecond).Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("waiting for process %d: %w", pid, err)
		}
		if n > 0 {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // ours only; others have another parent
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for process %d to end: %w", pid, ctx.Err())
		}
	}
}
