package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
	"provision/provision/internal/wire"
)

// helloTime bounds how long a host may take to start the agent.
const helloTime = 30 * time.Second

// grace is how long an agent whose input ended may take to end: it stops its
// commands and closes its ledger.
const grace = 10 * time.Second

// Process is a started "provision-agent serve NONCE" or "provision-agent
// blobs", wherever it runs.
type Process struct {
	Stdin  io.WriteCloser
	Stdout io.Reader
	Wait   func() error // returns when it has ended
	Kill   func()       // ends it, or the channel that it runs on
	Host   string       // for messages
	// Patience bounds the wait for its hello where that is longer than usual: a
	// host that is slow to log in is slow to start programs, too.
	Patience time.Duration
}

// Options of a session.
type Options struct {
	// OnSign answers the agent's requests for certificates, through the agent
	// of a host that holds the CA's key.
	OnSign func(ctx context.Context, request system.SignRequest) ([]byte, error)
	// HelloTime bounds the start of the agent; 0: 30 s.
	HelloTime time.Duration
	Limits
}

// Session is a conversation with one agent.
type Session struct {
	process Process
	ends    *pipe
	mux     *yamux.Session
	conn    *wire.Conn
	done    chan struct{}
	closing sync.Once
	waited  error // valid after done
	limits  Limits
	given   atomic.Pointer[error] // why the session was given up
	silent  error                 // what ended the streams; valid after done
}

// Start waits for the agent's hello and opens the session. The session outlives
// ctx, which bounds the start only.
func Start(ctx context.Context, process Process, nonce string, options Options) (*Session, error) {
	if options.HelloTime == 0 {
		options.HelloTime = helloTime
	}
	reader := bufio.NewReader(process.Stdout)
	if err := await(ctx, process, reader, nonce, options.HelloTime); err != nil {
		return nil, err
	}
	ends := newPipe(reader, process).feeding()
	mux, err := wire.Operator(ends)
	if err != nil {
		_ = process.kill()
		return nil, fmt.Errorf("%s: starting streams: %w", process.Host, err)
	}
	control, err := mux.Open()
	if err != nil {
		_ = mux.Close()
		_ = process.kill()
		return nil, fmt.Errorf("%s: starting the agent: %w, or was cut off (%w)", process.Host, wire.ErrNonsense, err)
	}
	s := &Session{process: process, ends: ends, mux: mux, done: make(chan struct{}), limits: options.Limits.orUsual()}
	s.conn = wire.NewConn(context.WithoutCancel(ctx), control, options.handle)
	s.conn.SetQuiet(s.limits.Quiet)
	go s.watch()
	return s, nil
}

// await ends the process when no hello comes in time.
func await(ctx context.Context, process Process, reader *bufio.Reader, nonce string, limit time.Duration) error {
	limit = max(limit, process.Patience)
	ctx, cancel := context.WithTimeoutCause(ctx, limit,
		fmt.Errorf("the agent was started and said nothing within %s; look at the host's load, memory and disks (top, dmesg)", limit))
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- wire.AwaitHello(reader, nonce) }()
	select {
	case err := <-result:
		if err == nil {
			return nil
		}
		end := process.kill
		if errors.Is(err, io.ErrUnexpectedEOF) {
			end = process.end // it ended itself: sudo or the shell says why
		}
		if ended := end(); ended != nil {
			err = fmt.Errorf("%w (%w)", err, ended)
		}
		return fmt.Errorf("%s: %w", process.Host, err)
	case <-ctx.Done():
		_ = process.kill()
		return fmt.Errorf("%s: %w", process.Host, context.Cause(ctx))
	}
}

// end waits for a process whose input ended, and kills it when that takes too
// long.
func (p Process) end() error {
	if p.Wait == nil {
		_ = p.Stdin.Close()
		return nil
	}
	// On a dead link, closing blocks until the connection is given up; a process
	// that was killed is not waited for so long.
	go func() { _ = p.Stdin.Close() }()
	if p.Kill != nil {
		timer := time.AfterFunc(grace, p.Kill)
		defer timer.Stop()
	}
	return p.Wait()
}

// kill ends a process that is of no use.
func (p Process) kill() error {
	if p.Kill != nil {
		p.Kill()
	}
	return p.end()
}

func (o Options) handle(ctx context.Context, method string, params json.RawMessage) (any, error) {
	if method != api.AskSign.Name || o.OnSign == nil {
		return nil, &api.Error{Code: api.CodeBadRequest, Message: fmt.Sprintf("unknown method %q", method)}
	}
	var request system.SignRequest
	if err := json.Unmarshal(params, &request); err != nil {
		return nil, &api.Error{Code: api.CodeBadRequest, Message: "reading request: " + err.Error()}
	}
	cert, err := o.OnSign(ctx, request)
	return api.SignResult{Certificate: cert}, err
}

// watch owns the session's end.
func (s *Session) watch() {
	select {
	case <-s.conn.Done():
	case <-s.mux.CloseChan():
	}
	if s.mux.IsClosed() && !s.ends.asked.Load() {
		_, err := s.mux.Accept()
		if errors.Is(err, yamux.ErrKeepAliveTimeout) || errors.Is(err, yamux.ErrConnectionWriteTimeout) {
			s.silent = fmt.Errorf("no answer for %s", wire.Reply)
		}
	}
	_ = s.mux.Close()
	_ = s.conn.Close()
	s.ends.stop()
	s.waited = s.process.end()
	close(s.done)
}

// Host is the host's name.
func (s *Session) Host() string { return s.process.Host }

// Done is closed when the session has ended, for whatever reason.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err says why a session ended that Close did not end; nil while it lives.
func (s *Session) Err() error {
	select {
	case <-s.done:
	default:
		return nil
	}
	if why := s.given.Load(); why != nil {
		return fmt.Errorf("%s: session ended: %w", s.process.Host, *why)
	}
	if s.silent != nil {
		return fmt.Errorf("%s: session ended: %w", s.process.Host, s.silent)
	}
	if err := errors.Join(s.conn.Err(), s.waited); err != nil {
		return fmt.Errorf("%s: session ended: %w", s.process.Host, err)
	}
	return nil
}

// Close ends the session and waits for the agent's end. The agent stops what
// it is doing and lets its lock go.
func (s *Session) Close() error {
	s.closing.Do(func() {
		s.ends.asked.Store(true)
		s.conn.End()
		_ = s.mux.Close()
	})
	<-s.done
	return nil
}
