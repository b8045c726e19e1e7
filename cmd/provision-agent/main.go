package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"provision/provision/agent/command"
)

func main() {
	// A lost operator must end the agent by the end of its input, after the
	// lock is free, not by a broken pipe.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	err := command.Run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "provision-agent:", err)
		os.Exit(1)
	}
}
