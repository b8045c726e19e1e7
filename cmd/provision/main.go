package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"provision/cmd/provision/internal/cli"
	"provision/provision/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], cli.System())
	stop()
	os.Exit(code)
}

// run is main without the process: tests call it.
func run(ctx context.Context, args []string, streams cli.Streams) int {
	root := newRoot(streams)
	root.SetArgs(longFlags(args))
	err := root.ExecuteContext(ctx)
	var code cli.Exit
	var stopped *cli.Interrupted
	switch {
	case err == nil:
		return cli.ExitOK
	case errors.As(err, &stopped):
		args = stopped.Resume
		fallthrough
	case ctx.Err() != nil:
		fmt.Fprintf(streams.Err, "Interrupted. Nothing half-written is in use. To continue: %s\n", cli.CommandLine(args))
		return cli.ExitInterrupted
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(streams.Err, "Error:", report.Clean(err.Error())) // hosts have their say in errors
	return cli.ExitError
}

// longFlags lets the flags that people know from Terraform be written with one
// dash, as they are there: -var, -var-file, -target, -out.
func longFlags(args []string) []string {
	known := []string{"var", "var-file", "target", "out", "detailed-exitcode"}
	long := make([]string, 0, len(args))
	for i, arg := range args {
		if arg == "--" {
			return append(long, args[i:]...)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && slices.Contains(known, name) {
			arg = "-" + arg
		}
		long = append(long, arg)
	}
	return long
}
