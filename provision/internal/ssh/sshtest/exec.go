package sshtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"provision/provision/internal/ssh/shell"
)

// RealShell runs commands with this machine's sh and the given environment.
func RealShell(env ...string) Handler {
	return func(ctx context.Context, e Exec) int {
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", e.Command)
		cmd.Stdout, cmd.Stderr, cmd.Env = e.Stdout, e.Stderr, env
		// Not cmd.Stdin: Wait would wait for the client to hang up.
		stdin, err := cmd.StdinPipe()
		if err != nil || cmd.Start() != nil {
			return 255
		}
		go func() { // ends with the channel, which closes after the exit code
			_, _ = io.Copy(stdin, e.Stdin)
			_ = stdin.Close()
		}()
		err = cmd.Wait()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return 0
		case errors.As(err, &exit):
			return exit.ExitCode() & 0xff
		}
		return 255
	}
}

// Agent runs the agent in this process when a client starts one, as if the
// host had an intact copy; it hands on everything else to next, which may be nil.
func Agent(run func(ctx context.Context, args []string, e Exec) int, next Handler) Handler {
	return func(ctx context.Context, e Exec) int {
		mark, args, ok := shell.ParseStart(e.Argv)
		switch {
		case ok:
			_, _ = fmt.Fprintf(e.Stderr, "%s %s\n", mark, shell.Ready)
			return run(ctx, args, e)
		case next != nil:
			return next(ctx, e)
		}
		_, _ = fmt.Fprintln(e.Stderr, "sh: command not found")
		return 127
	}
}
