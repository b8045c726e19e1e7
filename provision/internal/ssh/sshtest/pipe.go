package sshtest

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// pipeSize is how far a writer may run ahead of its reader.
const pipeSize = 256 << 10

// half is one direction of a connection.
type half struct {
	mu     sync.Mutex
	cond   *sync.Cond
	data   []byte
	closed bool
	stall  bool // what is written is never read
}

func newHalf() *half {
	h := &half{}
	h.cond = sync.NewCond(&h.mu)
	return h
}

func (h *half) read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for !h.closed && (len(h.data) == 0 || h.stall) {
		h.cond.Wait()
	}
	if len(h.data) == 0 || h.stall {
		return 0, io.EOF
	}
	n := copy(b, h.data)
	h.data = h.data[n:]
	h.cond.Broadcast()
	return n, nil
}

func (h *half) write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	written := 0
	for written < len(b) {
		for !h.closed && len(h.data) >= pipeSize {
			h.cond.Wait()
		}
		if h.closed {
			return written, syscall.EPIPE
		}
		n := min(len(b)-written, pipeSize-len(h.data))
		h.data = append(h.data, b[written:written+n]...)
		written += n
		h.cond.Broadcast()
	}
	return written, nil
}

func (h *half) set(f func(*half)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h)
	h.cond.Broadcast()
}

// conn is one end of an in-memory connection.
type conn struct {
	in, out *half
	local   addr
	remote  addr
}

// pipe returns both ends of a buffered connection.
func pipe(address string) (client, server *conn) {
	a, b := newHalf(), newHalf()
	return &conn{a, b, "client", addr(address)}, &conn{b, a, addr(address), "client"}
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) { return c.in.read(b) }

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }

// Close implements net.Conn. The other end reads what was written before.
func (c *conn) Close() error {
	c.in.set(func(h *half) { h.closed = true })
	c.out.set(func(h *half) { h.closed = true })
	return nil
}

func (c *conn) stallBoth() {
	c.in.set(func(h *half) { h.stall = true })
	c.out.set(func(h *half) { h.stall = true })
}

type addr string

// Network implements net.Addr.
func (addr) Network() string { return "memory" }

// String implements net.Addr.
func (a addr) String() string { return string(a) }

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

var errNoDeadline = errors.New("in-memory connections have no deadlines")

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(time.Time) error { return errNoDeadline }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(time.Time) error { return errNoDeadline }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(time.Time) error { return errNoDeadline }
