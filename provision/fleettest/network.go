package fleettest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Network joins the hosts of a fleet, for checks host to host: TCP as pipes,
// UDP as messages. Nothing leaves the process.
type Network struct {
	mu sync.Mutex
	// Blocked says whether packets from one address to a port of another are
	// dropped; nil drops none. MTU is that of the way between two addresses.
	Blocked func(from, to string) bool
	MTU     func(from, to string) int

	streams map[string]*port
	packets map[string]*datagrams
	dialled int
}

// Dialled counts the connections so far.
func (n *Network) Dialled() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dialled
}

// from is the network as one host has it.
type from struct {
	*Network
	host string
}

func (f from) look(to string) (*port, *datagrams, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dialled++
	if f.Blocked != nil && f.Blocked(f.host, to) {
		return nil, nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	}
	return f.streams[to], f.packets[to], nil
}

// Listen implements measure.Network.
func (f from) Listen(at netip.AddrPort) (net.Listener, error) {
	address := at.String()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.streams[address] != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, unix.EADDRINUSE)
	}
	p := &port{network: f.Network, address: address, arrived: make(chan net.Conn), closed: make(chan struct{})}
	f.streams[address] = p
	return p, nil
}

// ListenPacket implements measure.Network.
func (f from) ListenPacket(at netip.AddrPort) (net.PacketConn, error) {
	address := at.String()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.packets[address] != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, unix.EADDRINUSE)
	}
	d := &datagrams{network: f.Network, address: address, arrived: make(chan message, 1024), closed: make(chan struct{})}
	f.packets[address] = d
	return d, nil
}

// Dial implements measure.Network.
func (f from) Dial(_ context.Context, network, address string) (net.Conn, error) {
	stream, packets, err := f.look(address)
	if network == "udp" {
		mtu := 1500
		if f.MTU != nil {
			mtu = f.MTU(f.host, address)
		}
		return &caller{to: packets, lost: err != nil, mtu: mtu, answers: make(chan []byte, 64)}, nil
	}
	if err != nil {
		return nil, err
	}
	if stream == nil {
		return nil, fmt.Errorf("connecting to %s: %w", address, unix.ECONNREFUSED)
	}
	here, there := net.Pipe()
	select {
	case stream.arrived <- there:
		return here, nil
	case <-stream.closed:
		return nil, fmt.Errorf("connecting to %s: %w", address, unix.ECONNREFUSED)
	}
}

// port is a TCP listener.
type port struct {
	network *Network
	address string
	arrived chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (p *port) Accept() (net.Conn, error) {
	select {
	case conn := <-p.arrived:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *port) Close() error {
	p.once.Do(func() {
		close(p.closed)
		p.network.mu.Lock()
		defer p.network.mu.Unlock()
		delete(p.network.streams, p.address)
	})
	return nil
}

func (p *port) Addr() net.Addr { return named(p.address) }

type named string

func (named) Network() string  { return "fleet" }
func (n named) String() string { return string(n) }

type message struct {
	content []byte
	back    chan []byte
}

// datagrams is a UDP listener.
type datagrams struct {
	net.PacketConn
	network *Network
	address string
	arrived chan message
	once    sync.Once
	closed  chan struct{}
}

// back is the way of an answer.
type back struct {
	named
	to chan []byte
}

func (d *datagrams) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case m := <-d.arrived:
		return copy(b, m.content), back{to: m.back}, nil
	case <-d.closed:
		return 0, nil, net.ErrClosed
	}
}

func (d *datagrams) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case to.(back).to <- append([]byte(nil), b...):
	default: // lost, as datagrams may be
	}
	return len(b), nil
}

func (d *datagrams) Close() error {
	d.once.Do(func() {
		close(d.closed)
		d.network.mu.Lock()
		defer d.network.mu.Unlock()
		delete(d.network.packets, d.address)
	})
	return nil
}

// caller is a connected UDP socket.
type caller struct {
	net.Conn
	to      *datagrams
	lost    bool
	mtu     int
	answers chan []byte
	until   time.Time
}

func (c *caller) Write(b []byte) (int, error) {
	switch {
	case c.lost || len(b)+28 > c.mtu:
	case c.to == nil:
		return 0, unix.ECONNREFUSED
	default:
		select {
		case c.to.arrived <- message{append([]byte(nil), b...), c.answers}:
		default:
		}
	}
	return len(b), nil
}

func (c *caller) Read(b []byte) (int, error) {
	timer := time.NewTimer(time.Until(c.until))
	defer timer.Stop()
	select {
	case answer := <-c.answers:
		return copy(b, answer), nil
	case <-timer.C:
		return 0, os.ErrDeadlineExceeded
	}
}

func (c *caller) SetReadDeadline(t time.Time) error { c.until = t; return nil }
func (c *caller) SetDeadline(time.Time) error       { return nil }
func (c *caller) Close() error                      { return nil }
