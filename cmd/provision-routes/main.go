package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"provision/network/routes"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: provision-routes CONFIG")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := routes.Start(ctx, os.Args[1], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "provision-routes:", err)
		os.Exit(1)
	}
}
