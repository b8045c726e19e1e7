package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Stat is what we need of /proc/PID/stat (proc(5)).
type Stat struct {
	PID, Parent int
	Start       uint64 // clock ticks since boot: with PID, one life of a process
	Dead        bool   // a zombie: nobody has asked for its exit code yet
}

// ParseStat reads a stat line; the command in it may hold spaces and brackets.
func ParseStat(data []byte) (Stat, error) {
	end := bytes.LastIndexByte(data, ')')
	begin := bytes.IndexByte(data, ' ')
	if end < 0 || begin < 0 || begin > end {
		return Stat{}, errors.New("reading a process's stat: no command in it")
	}
	f := strings.Fields(string(data[end+1:]))
	if len(f) < 20 || len(f[0]) != 1 {
		return Stat{}, errors.New("reading a process's stat: too short, or without a state")
	}
	pid, err1 := strconv.Atoi(string(data[:begin]))
	parent, err2 := strconv.Atoi(f[1])
	start, err3 := strconv.ParseUint(f[19], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Stat{}, fmt.Errorf("reading a process's stat: %w", err)
	}
	return Stat{PID: pid, Parent: parent, Start: start, Dead: f[0] == "Z" || f[0] == "X"}, nil
}

// ReadStat reads that of a process id.
func ReadStat(pid int) (Stat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	return ParseStat(data)
}

// Alive reports whether a process has this id that has not ended yet.
func Alive(pid int) bool {
	s, err := ReadStat(pid)
	return err == nil && !s.Dead
}
