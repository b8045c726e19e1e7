package wire

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"provision/provision/agent/api"
)

// maxHandlers bounds the requests of the other side that run at once.
const maxHandlers = 256

// Handler answers one request. Its context ends when the caller cancels or the
// connection ends. The result is written as JSON.
type Handler func(ctx context.Context, method string, params json.RawMessage) (any, error)

// Assurance is how often a side says that it is at work on a request.
const Assurance = Heartbeat

// Quiet is how long a call waits for its answer, or for a word that it is being
// worked on: that much a side that answers heartbeats can always say.
const Quiet = time.Minute

// ErrQuiet is returned by calls of which the other side says nothing.
var ErrQuiet = errors.New("the other side answers heartbeats, but said nothing of this request")

// ErrNonsense ends connections whose other side does not speak our protocol.
var ErrNonsense = errors.New("it speaks something else than our agent")

// ErrClosed is returned by calls on a connection that ended.
var ErrClosed = errors.New("connection to the other side is closed")

// message is a request (id and method), an answer (id, and result or error), or
// a cancellation (id and cancel), or the assurance that a request is being worked
// on (id and working).
type message struct {
	ID     uint64          `json:"id"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *api.Error      `json:"error,omitempty"`
	Cancel bool            `json:"cancel,omitempty"`
	// Working comes every Assurance until the answer does.
	Working bool `json:"working,omitempty"`
}

// pending is a call that waits for its answer.
type pending struct {
	answer chan message
	heard  chan struct{} // the other side is at work on it
}

// Conn speaks JSON-RPC in both directions over one stream.
type Conn struct {
	stream  io.ReadWriteCloser
	handler Handler
	ctx     context.Context
	cancel  context.CancelCauseFunc
	done    chan struct{}

	writing sync.Mutex // one line at a time

	mu      sync.Mutex
	quiet   time.Duration
	assured time.Duration
	next    uint64
	calls   map[uint64]pending
	running map[uint64]context.CancelFunc
	err     error
	serving sync.WaitGroup
}

// NewConn starts to read the stream. A nil handler refuses every request.
func NewConn(ctx context.Context, stream io.ReadWriteCloser, handler Handler) *Conn {
	c := &Conn{
		stream: stream, handler: handler, done: make(chan struct{}), quiet: Quiet, assured: Assurance,
		calls: map[uint64]pending{}, running: map[uint64]context.CancelFunc{},
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	go c.read()
	return c
}

// Done is closed when the connection has ended and every handler returned.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection ended; nil while it lives or when the other side
// closed it between two messages.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection and waits for the handlers.
func (c *Conn) Close() error {
	c.cancel(ErrClosed)
	err := c.stream.Close()
	<-c.done
	return err
}

// SetQuiet changes how long a call waits for a word of the other side.
func (c *Conn) SetQuiet(quiet time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = quiet
}

// End has the connection end, without waiting for it: call it before the session
// of its stream is closed. Until the session has ended, readers of its streams
// spin (yamux), and a thousand of them take the time that the ends need.
func (c *Conn) End() {
	c.cancel(ErrClosed)
	if stream, ok := c.stream.(interface{ SetReadDeadline(at time.Time) error }); ok {
		_ = stream.SetReadDeadline(time.Unix(1, 0))
	}
}

// Call sends a request and decodes its result into result (nil drops it). When
// ctx ends first, or the other side does not even say that it is at work on it,
// that side is told to stop and Call returns at once.
func (c *Conn) Call(ctx context.Context, method string, params, result any) error {
	raw, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("encoding parameters of %s: %w", method, err)
	}
	id, call, quiet, err := c.register()
	if err != nil {
		return fmt.Errorf("calling %s: %w", method, err)
	}
	defer c.unregister(id)
	if err := c.send(message{ID: id, Method: method, Params: raw}); err != nil {
		return fmt.Errorf("calling %s: %w", method, err)
	}
	if reply, answered, err := c.wait(ctx, call, quiet); answered {
		return finish(method, reply, result)
	} else if err != nil {
		_ = c.send(message{ID: id, Cancel: true})
		return fmt.Errorf("calling %s: %w", method, err)
	}
	select { // an answer that arrived just before the end still counts
	case reply := <-call.answer:
		return finish(method, reply, result)
	default:
		return fmt.Errorf("calling %s: %w", method, c.closed())
	}
}

// wait returns neither an answer nor an error when the connection has ended.
func (c *Conn) wait(ctx context.Context, call pending, quiet time.Duration) (reply message, answered bool, err error) {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	for {
		select {
		case reply := <-call.answer:
			return reply, true, nil
		case <-call.heard:
			timer.Reset(quiet)
		case <-timer.C:
			return message{}, false, fmt.Errorf("%w for %s", ErrQuiet, quiet)
		case <-ctx.Done():
			return message{}, false, context.Cause(ctx)
		case <-c.ctx.Done():
			return message{}, false, nil
		}
	}
}

func finish(method string, reply message, result any) error {
	if reply.Error != nil {
		return reply.Error
	}
	if result == nil {
		return nil
	}
	if string(bytes.TrimSpace(reply.Result)) == "null" { // would be taken for an empty result
		return fmt.Errorf("reading result of %s: there is none", method)
	}
	if err := json.Unmarshal(reply.Result, result); err != nil {
		return fmt.Errorf("reading result of %s: %w", method, err)
	}
	return nil
}

func (c *Conn) register() (uint64, pending, time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return 0, pending{}, 0, c.closedLocked()
	}
	c.next++
	call := pending{answer: make(chan message, 1), heard: make(chan struct{}, 1)}
	c.calls[c.next] = call
	return c.next, call, c.quiet, nil
}

func (c *Conn) unregister(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, id)
}

func (c *Conn) closed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closedLocked()
}

func (c *Conn) closedLocked() error {
	if c.err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, c.err)
	}
	return ErrClosed
}

// send ends the connection when it cannot write: what went out may be half a line.
func (c *Conn) send(m message) error {
	line, err := encodeLine(m)
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err := c.stream.Write(line); err != nil {
		c.End()
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}

// read owns the connection: it ends when the stream does, then stops handlers
// and waits for them.
func (c *Conn) read() {
	err := c.readAll(bufio.NewReader(c.stream))
	c.mu.Lock()
	if !errors.Is(err, io.EOF) && c.ctx.Err() == nil {
		c.err = err
	}
	c.mu.Unlock()
	c.cancel(ErrClosed)
	_ = c.stream.Close()
	c.serving.Wait()
	close(c.done)
}

// readAll takes messages until it fails; the end of the stream is io.EOF.
func (c *Conn) readAll(r *bufio.Reader) error {
	for {
		line, err := ReadLine(r, MaxLine)
		if errors.Is(err, ErrTooLong) {
			return fmt.Errorf("%w: %w", ErrNonsense, err)
		}
		if err != nil {
			return err
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("%w: %.100q", ErrNonsense, line)
		}
		c.take(m)
	}
}

// take handles one message. Answers and cancellations for unknown ids are late,
// not wrong.
func (c *Conn) take(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case m.Cancel:
		if stop := c.running[m.ID]; stop != nil {
			stop()
		}
	case m.Working:
		if call, ok := c.calls[m.ID]; ok {
			select {
			case call.heard <- struct{}{}:
			default:
			}
		}
	case m.Method == "":
		if call, ok := c.calls[m.ID]; ok {
			delete(c.calls, m.ID)
			call.answer <- m
		}
	case c.running[m.ID] != nil || len(c.running) >= maxHandlers:
		c.serving.Go(func() {
			c.answer(m.ID, nil, &api.Error{Code: api.CodeBadRequest, Message: "too many requests at once, or an id used twice"})
		})
	default:
		ctx, stop := context.WithCancel(c.ctx)
		c.running[m.ID] = stop
		c.serving.Go(func() { c.serve(ctx, stop, m) })
	}
}

func (c *Conn) serve(ctx context.Context, stop context.CancelFunc, m message) {
	quiet := c.assure(m.ID)
	result, err := c.handle(ctx, m)
	quiet()
	stop()
	c.mu.Lock()
	delete(c.running, m.ID)
	c.mu.Unlock()
	c.answer(m.ID, result, err)
}

// assure tells the other side, until it is stopped, that its request is being
// worked on. A short one costs a timer and no message.
func (c *Conn) assure(id uint64) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	over := false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(c.assured, func() {
		_ = c.send(message{ID: id, Working: true})
		mu.Lock()
		defer mu.Unlock()
		if !over {
			timer.Reset(c.assured)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		timer.Stop()
	}
}

// handle turns a panic into an error: one bad resource must not end the
// session of all others.
func (c *Conn) handle(ctx context.Context, m message) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &api.Error{Code: api.CodeInternal, Message: fmt.Sprintf("%s: a bug: %v", m.Method, p), Detail: string(debug.Stack())}
		}
	}()
	if c.handler == nil {
		return nil, &api.Error{Code: api.CodeBadRequest, Message: fmt.Sprintf("unknown method %q", m.Method)}
	}
	return c.handler(ctx, m.Method, m.Params)
}

// answer sends a result. An error of the stream shows to the reader soon.
func (c *Conn) answer(id uint64, result any, err error) {
	reply := message{ID: id, Error: ToError(err)}
	if err == nil {
		raw, failed := json.Marshal(result)
		if failed != nil {
			reply.Error = &api.Error{Code: api.CodeInternal, Message: "encoding result: " + failed.Error()}
		}
		reply.Result = raw
	}
	if err := c.send(reply); errors.Is(err, ErrTooLong) {
		_ = c.send(message{ID: id, Error: &api.Error{Code: api.CodeInternal, Message: err.Error()}})
	}
}
