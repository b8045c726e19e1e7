package measure

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"provision/provision/agent/api"
)

const (
	maxListen  = time.Minute
	nonceSize  = 16
	echoTime   = 2 * time.Second // for one exchange
	echoAtOnce = 256             // connections served at once, per port
)

// echoes are the ports that a session holds open for a check.
type echoes struct {
	mu   sync.Mutex
	stop func() // nil: none are open
}

// replace closes what is open, waits for its end, and remembers how to end
// what is opened next.
func (e *echoes) replace(open func() (stop func())) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop != nil {
		e.stop()
		e.stop = nil
	}
	if open != nil {
		e.stop = open()
	}
}

// Close ends what Listen opened.
func (m *Meter) Close() { m.opened.replace(nil) }

// Listen opens ports on an address of the host. They live until the session
// ends, the next request, or the deadline.
func (m *Meter) Listen(_ context.Context, params api.ListenParams) (api.ListenResult, error) {
	nonce, err := readNonce(params.Nonce)
	if err != nil && len(params.Ports) > 0 {
		return api.ListenResult{}, err
	}
	if len(params.Ports) > maxAsked {
		return api.ListenResult{}, api.BadRequest("more than %d ports", maxAsked)
	}
	if len(params.Ports) == 0 {
		m.opened.replace(nil)
		return api.ListenResult{}, nil
	}
	address, err := netip.ParseAddr(params.Address)
	if err != nil {
		return api.ListenResult{}, api.BadRequest("address %q is not an IP address", params.Address)
	}
	var result api.ListenResult
	m.opened.replace(func() func() {
		e := &echo{nonce: nonce}
		ctx, cancel := context.WithTimeout(context.Background(), min(params.Within, maxListen))
		for _, port := range params.Ports {
			if err := e.open(ctx, m.Network, netip.AddrPortFrom(address, uint16(port.Number)), port.UDP); err != nil {
				result.Failed = append(result.Failed, api.ListenFailure{Port: port, Error: err.Error()})
			}
		}
		context.AfterFunc(ctx, e.close)
		return func() {
			cancel()
			e.close()
			e.serving.Wait()
		}
	})
	return result, nil
}

func readNonce(text string) ([]byte, error) {
	nonce, err := hex.DecodeString(text)
	if err != nil || len(nonce) != nonceSize {
		return nil, api.BadRequest("nonce %q is not %d hex digits", text, 2*nonceSize)
	}
	return nonce, nil
}

// echo answers those who know the nonce, on all its ports.
type echo struct {
	nonce   []byte
	serving sync.WaitGroup
	mu      sync.Mutex
	held    []io.Closer
	closed  bool
}

func (e *echo) keep(c io.Closer) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		_ = c.Close()
		return false
	}
	e.held = append(e.held, c)
	return true
}

func (e *echo) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for _, c := range e.held {
		_ = c.Close()
	}
	e.held = nil
}

func (e *echo) open(ctx context.Context, network Network, address netip.AddrPort, udp bool) error {
	if udp {
		conn, err := network.ListenPacket(address)
		if err == nil && e.keep(conn) {
			e.serving.Go(func() { e.datagrams(conn) })
		}
		return err
	}
	listener, err := network.Listen(address)
	if err == nil && e.keep(listener) {
		e.serving.Go(func() { e.connections(ctx, listener) })
	}
	return err
}

func (e *echo) connections(ctx context.Context, listener net.Listener) {
	slots := make(chan struct{}, echoAtOnce)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		slots <- struct{}{}
		e.serving.Go(func() {
			defer func() { <-slots }()
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(echoTime))
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			got := make([]byte, nonceSize)
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, e.nonce) {
				return
			}
			if _, err := conn.Write(got); err == nil {
				_, _ = conn.Read(got[:1]) // let the other side close first
			}
		})
	}
}

// datagrams answers with the nonce and the size that arrived: never more than
// was sent.
func (e *echo) datagrams(conn net.PacketConn) {
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if n < nonceSize+2 || !bytes.Equal(buffer[:nonceSize], e.nonce) {
			continue
		}
		reply := binary.BigEndian.AppendUint16(bytes.Clone(e.nonce), uint16(n))
		_, _ = conn.WriteTo(reply, from) // the other side asks again
	}
}
