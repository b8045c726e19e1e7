package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// ServiceStatus is how a service has been running.
type ServiceStatus struct {
	Restarts int    // by systemd itself, since the unit was last started on purpose
	Result   string // how it last ended: success, exit-code, signal, oom-kill, timeout…
	// ExitCode is that of the main process's last end; with Killed, the signal.
	ExitCode int
	Killed   bool
}

// Service asks systemd; what is not a service has the zero status.
func (u *systemdUnits) Service(ctx context.Context, unit string) (ServiceStatus, error) {
	if !strings.HasSuffix(unit, ".service") {
		return ServiceStatus{}, nil // systemd refuses to tell of a timer what it tells of services
	}
	conn, err := u.connect()
	if err != nil {
		return ServiceStatus{}, err
	}
	var status ServiceStatus
	// Four properties one by one cost less than all 250 at once.
	read := func(name string, into func(value any)) {
		if err != nil {
			return
		}
		property, failed := conn.GetUnitTypePropertyContext(ctx, unit, "Service", name)
		if failed != nil {
			err = fmt.Errorf("reading %s of unit %s: %w", name, unit, failed)
			return
		}
		into(property.Value.Value())
	}
	read("NRestarts", func(value any) { n, _ := value.(uint32); status.Restarts = int(n) })
	read("Result", func(value any) { status.Result, _ = value.(string) })
	read("ExecMainStatus", func(value any) { n, _ := value.(int32); status.ExitCode = int(n) })
	read("ExecMainCode", func(value any) {
		n, _ := value.(int32)
		status.Killed = n == 2 || n == 3 // CLD_KILLED, CLD_DUMPED
	})
	return status, err
}

// Stream runs a command and hands its output on as it comes. It ends with the
// command, with ctx, or when out takes no more.
func (s *System) Stream(ctx context.Context, command Command, out io.Writer) error {
	if streamer, ok := s.Runner.(interface {
		Stream(ctx context.Context, command Command, out io.Writer) error
	}); ok {
		return streamer.Stream(ctx, command, out)
	}
	result, err := s.Runner.Run(ctx, command)
	if err == nil {
		_, err = out.Write(result.Stdout)
	}
	return err
}

// Stream implements what System.Stream looks for.
func (r execRunner) Stream(ctx context.Context, command Command, out io.Writer) error {
	path := r.LookPath(command.Argv[0])
	if path == "" {
		return &CommandError{Argv: command.Argv, Code: -1, Err: exec.ErrNotFound}
	}
	process := exec.CommandContext(ctx, path, command.Argv[1:]...)
	process.Dir, process.Env = "/", append(environment(), command.Env...)
	stderr := newCapped(outputLimit)
	process.Stdout, process.Stderr = out, stderr
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
	process.WaitDelay = time.Second
	err := process.Run()
	if err == nil || ctx.Err() != nil || errors.Is(err, syscall.EPIPE) {
		return ctx.Err()
	}
	_, err = failure(ctx, command, Result{Stderr: stderr.Bytes()}, err)
	return err
}
