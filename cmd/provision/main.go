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

	"provision/provision/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], system())
	stop()
	os.Exit(code)
}

// run is main without the process: tests call it.
func run(ctx context.Context, args []string, streams streams) int {
	root := newRoot(streams)
	root.SetArgs(longFlags(args))
	err := root.ExecuteContext(ctx)
	var code exit
	var stopped *interrupted
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &stopped):
		args = stopped.resume
		fallthrough
	case ctx.Err() != nil:
		fmt.Fprintf(streams.err, "Interrupted. Nothing half-written is in use. To continue: %s\n", commandLine(args))
		return exitInterrupted
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintln(streams.err, "Error:", report.Clean(err.Error())) // hosts have their say in errors
	return exitError
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
