package system

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// outputLimit is what is kept of each stream of a command.
const outputLimit = 64 << 10

// tailLines is how much of a failed command's output its error shows.
const tailLines = 20

// commandPath is where commands are looked for, whatever the login gave us.
const commandPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// execRunner runs real commands.
type execRunner struct{ point func(string) }

// NewRunner runs commands on this machine.
func NewRunner() Runner { return execRunner{func(string) {}} }

func (r execRunner) LookPath(name string) string {
	if strings.Contains(name, "/") {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
		return ""
	}
	for _, dir := range filepath.SplitList(commandPath) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

func (r execRunner) Run(ctx context.Context, command Command) (Result, error) {
	if len(command.Argv) == 0 {
		return Result{Code: -1}, &CommandError{Code: -1, Err: errors.New("no command")}
	}
	path := r.LookPath(command.Argv[0])
	if path == "" {
		return Result{Code: -1}, &CommandError{Argv: command.Argv, Code: -1, Err: exec.ErrNotFound}
	}
	process := exec.CommandContext(ctx, path, command.Argv[1:]...)
	process.Args[0] = command.Argv[0]
	process.Dir = "/"
	process.Env = append(environment(), command.Env...)
	process.Stdin = command.Stdin
	stdout, stderr := newCapped(outputLimit), newCapped(outputLimit)
	process.Stdout, process.Stderr = stdout, stderr
	// A group of its own, so that a cancel reaches its children too.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
	process.WaitDelay = 5 * time.Second
	err := process.Start()
	if err == nil {
		r.point("run:" + strconv.Itoa(process.Process.Pid) + " " + strings.Join(command.Argv, " "))
		err = process.Wait()
	}
	result := Result{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	if err == nil {
		return result, nil
	}
	return failure(ctx, command, result, err)
}

// environment is what every command gets.
func environment() []string {
	return []string{"PATH=" + commandPath, "HOME=/root", "LANG=C.UTF-8", "LC_ALL=C.UTF-8"}
}

func failure(ctx context.Context, command Command, result Result, err error) (Result, error) {
	problem := &CommandError{Argv: command.Argv, Code: -1, Tail: tailOf(result), Err: err}
	var exit *exec.ExitError
	if ctx.Err() != nil {
		problem.Err = ctx.Err()
	} else if errors.As(err, &exit) && exit.Exited() {
		problem.Code = exit.ExitCode()
	}
	result.Code = problem.Code
	return result, problem
}

func tailOf(result Result) string {
	text := strings.TrimSpace(string(result.Stderr))
	if text == "" {
		text = strings.TrimSpace(string(result.Stdout))
	}
	lines := strings.Split(text, "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return strings.Join(lines, "\n")
}
