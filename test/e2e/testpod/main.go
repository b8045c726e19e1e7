package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const usage = `usage: testpod serve ADDRESS            answer HTTP with the name of this host
       testpod get URL [CA-FILE]         print the body of URL
       testpod resolve NAME [SERVER]     print the addresses of NAME
       testpod probe URL CA-FILE TIME    ask until TIME is over or stdin ends; print what was found
       testpod write SERVER CA-FILE TOKEN-FILE NAMESPACE RATE TIME [ADDRESS]
                                         write ConfigMaps RATE times a second until TIME is over or stdin ends, read
                                         them back and print what was found; with ADDRESS, serve that there when asked
       testpod hold ADDRESS              listen on ADDRESS and answer nothing, until stdin ends`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testpod:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return errors.New(usage)
	}
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch args[0] {
	case "serve":
		return serve(ctx, args[1])
	case "get":
		return get(ctx, args[1], arg(2))
	case "resolve":
		return resolve(ctx, args[1], arg(2))
	case "probe":
		life, err := time.ParseDuration(arg(3))
		if err != nil {
			return fmt.Errorf("reading the time: %w", err)
		}
		return probe(ctx, args[1], arg(2), life)
	case "write":
		life, err := time.ParseDuration(arg(6))
		if err != nil {
			return fmt.Errorf("reading the time: %w", err)
		}
		rate, err := strconv.Atoi(arg(5))
		if err != nil || rate < 1 {
			return fmt.Errorf("reading the rate: %q is not a number of writes a second", arg(5))
		}
		return write(ctx, load{server: args[1], ca: arg(2), token: arg(3), namespace: arg(4), rate: rate, life: life}, arg(7))
	case "hold":
		return hold(ctx, args[1])
	}
	return errors.New(usage)
}

// resolve asks the given DNS server, or the one that the system uses.
func resolve(ctx context.Context, name, server string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r := &net.Resolver{PreferGo: true}
	if server != "" {
		r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(server, "53"))
		}
	}
	found, err := r.LookupHost(ctx, name)
	if err != nil {
		return fmt.Errorf("resolving %s: %w", name, err)
	}
	for _, address := range found {
		fmt.Println(address)
	}
	return nil
}

// ended is over when the context or the input is: whoever started this closes
// its input.
func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx
}

// hold takes a port so that nothing else can.
func hold(ctx context.Context, address string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	defer listener.Close()
	fmt.Println("holding", listener.Addr())
	<-ended(ctx).Done()
	return nil
}
