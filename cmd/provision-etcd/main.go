package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"provision/provision/etcd/backup/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	err := command.Run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "provision-etcd:", err)
		os.Exit(1)
	}
}
