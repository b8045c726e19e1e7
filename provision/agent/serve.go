package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/yamux"

	"provision/provision/agent/hostfacts"
	"provision/provision/agent/measure"
	"provision/provision/facts"
	"provision/provision/internal/lease"
	"provision/provision/internal/system"
	"provision/provision/internal/wire"
	"provision/provision/resource"
)

// Options are what an agent works with.
type Options struct {
	// System is the host. Its Signer is replaced by one that asks the operator.
	System *system.System
	// Kinds are all kinds of scope host.
	Kinds []resource.Kind[*system.System]
	// Scope holds the agent's children together; nil where there is no systemd.
	Scope Scope
	// Addresses are the host's own; nil asks the kernel.
	Addresses func() ([]facts.Address, error)
	// Network is what checks between hosts go through; nil: the kernel's.
	Network measure.Network
	// Ask asks a URL of the host whether a unit works; nil: over its loopback.
	Ask func(ctx context.Context, url string) error
	// Silence ends the session when no frame comes for so long; 0: wire.Silence.
	Silence time.Duration
	// Ending, when set, is called when the session ends, before its handlers
	// have returned: a process may bound how long it waits for them.
	Ending func()
	// Self is the sha256 of the running agent, which commit does not remove.
	Self string
}

// Scope is a group of processes that outlives none of its sessions.
type Scope interface {
	// Enter ends what older sessions left running and moves the agent, with
	// all its later children, into a scope of its own.
	Enter(ctx context.Context, epoch uint64) error
	// End ends the process of a session that is over, and what it started.
	End(ctx context.Context, session lease.Entry) error
}

// ErrSilent ends a session whose operator sent no heartbeat.
var ErrSilent = errors.New("no heartbeat from the operator")

// Serve announces the agent and answers one operator until the input ends, is
// silent for too long, or ctx ends. When it returns, every handler has returned
// and the lock is free.
func Serve(ctx context.Context, in io.Reader, out io.Writer, nonce string, options Options) error {
	if options.Silence == 0 {
		options.Silence = wire.Silence
	}
	if options.Addresses == nil {
		options.Addresses = hostfacts.KernelAddresses
	}
	if err := wire.WriteHello(out, nonce); err != nil {
		return err
	}
	pipe := wire.Watch(in, out, options.Silence)
	mux, err := wire.Agent(pipe)
	if err != nil {
		return fmt.Errorf("starting streams: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = mux.Close() })
	defer stop()
	err = serveStreams(ctx, cancel, mux, options, pipe)
	_ = mux.Close()
	if pipe.Expired() {
		return fmt.Errorf("ending session: %w", ErrSilent)
	}
	return err
}

// serveStreams takes the control stream, then all others, until the session
// ends.
func serveStreams(ctx context.Context, cancel context.CancelFunc, mux *yamux.Session, options Options, pipe *wire.Watched) error {
	control, err := mux.Accept()
	if err != nil {
		return ended(err)
	}
	s := newSession(options)
	s.beat.silent = pipe.Silent
	s.conn = wire.NewConn(ctx, control, s.handle)
	pipe.Ending(s.conn.End)
	var streams sync.WaitGroup
	for {
		stream, err := mux.Accept()
		if err != nil {
			if options.Ending != nil {
				options.Ending()
			}
			s.beat.over()
			cancel()
			_ = mux.Close()
			_ = s.conn.Close()
			streams.Wait()
			return errors.Join(ended(err), s.close())
		}
		streams.Go(func() { s.stream(ctx, stream) })
	}
}

// ended is nil for the ordinary end of a session.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, yamux.ErrSessionShutdown) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("serving the operator: %w", err)
}
