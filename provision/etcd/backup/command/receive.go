package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"provision/provision/etcd/backup/config"
	"provision/provision/etcd/backup/take"
	"provision/provision/etcd/backup/target/local"
	"provision/provision/etcd/backup/target/receiver"
)

// idle is how long a receiver waits for another request before it ends; systemd
// keeps the socket.
const idle = 30 * time.Second

// firstFD is where systemd hands over sockets.
const firstFD = 3

// receive serves the folder of this host on the socket that systemd holds.
func receive(ctx context.Context, c config.Config) error {
	if c.Receiver == nil {
		return errors.New("this host keeps no backups; run provision apply")
	}
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) || os.Getenv("LISTEN_FDS") != "1" {
		return errors.New("there is no socket; systemd starts this by provision-etcd-receive.socket")
	}
	socket, err := net.FileListener(os.NewFile(firstFD, "socket"))
	if err != nil {
		return fmt.Errorf("taking the socket over: %w", err)
	}
	folder, err := local.Open(c.Receiver.Target, c.Receiver.Path)
	if err != nil {
		return err
	}
	defer folder.Close()
	secure, err := take.TLS(c.Receiver.Pair)
	if err != nil {
		return err
	}
	return serve(ctx, tls.NewListener(socket, secure), receiver.Handler(folder), idle)
}

// serve ends when no connection was open for a while.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, idle time.Duration) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var open atomic.Int64
	quiet := time.AfterFunc(idle, stop)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: idle / 2,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
				quiet.Stop()
			case http.StateClosed, http.StateHijacked:
				if open.Add(-1) == 0 {
					quiet.Reset(idle)
				}
			case http.StateActive, http.StateIdle:
			}
		}}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return server.Shutdown(closing)
	}
}
