package agent

import (
	"context"
	"io"
	"net"
	"net/netip"
	"time"

	"provision/provision/agent/api"
	"provision/provision/internal/wire"
)

// dialTime bounds a connection attempt.
const dialTime = 10 * time.Second

// stream serves one stream that the operator opened.
func (s *session) stream(ctx context.Context, stream net.Conn) {
	defer func() { _ = stream.Close() }()
	var header api.StreamHeader
	_ = stream.SetReadDeadline(time.Now().Add(dialTime))
	if err := wire.ReadHeader(stream, &header); err != nil {
		return
	}
	_ = stream.SetReadDeadline(time.Time{})
	if header.Type == api.StreamJournal {
		s.host.Follow(ctx, stream, header.Journal)
		return
	}
	target, err := s.dial(ctx, header)
	if target != nil {
		defer func() { _ = target.Close() }()
	}
	if err := wire.WriteLine(stream, api.StreamReply{Error: wire.ToError(err)}); err != nil || target == nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = target.Close() })
	defer stop()
	join(stream, target)
}

func (s *session) dial(ctx context.Context, header api.StreamHeader) (*net.TCPConn, error) {
	if header.Type != "dial" {
		return nil, api.BadRequest("unknown type of stream %q", header.Type)
	}
	address, err := netip.ParseAddrPort(header.Address)
	if err != nil {
		return nil, api.BadRequest("address %q is not IP:PORT", header.Address)
	}
	if err := s.allowed(address.Addr()); err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: dialTime}
	conn, err := dialer.DialContext(ctx, "tcp", address.String())
	if err != nil {
		return nil, &api.Error{Code: api.CodeFailed, Message: err.Error()}
	}
	return conn.(*net.TCPConn), nil
}

// allowed accepts loopback, the host's own addresses and the cluster's hosts:
// the session is a tunnel into the cluster, not into the network behind it.
func (s *session) allowed(address netip.Addr) error {
	address = address.Unmap()
	if address.IsLoopback() {
		return nil
	}
	own, err := s.options.Addresses()
	if err != nil {
		return err
	}
	for _, a := range own {
		if prefix, err := netip.ParsePrefix(a.CIDR); err == nil && prefix.Addr().Unmap() == address {
			return nil
		}
	}
	state, err := s.state()
	if err != nil {
		return err
	}
	if state.Roster != nil {
		for _, host := range state.Roster.Hosts {
			if a, err := netip.ParseAddr(host.Address); err == nil && a.Unmap() == address {
				return nil
			}
		}
	}
	return api.BadRequest("address %s is neither the host's own nor one of the cluster's", address)
}

// join carries bytes both ways, and the end of either way, until both ended.
func join(stream net.Conn, target *net.TCPConn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := io.Copy(target, stream)
		if err != nil {
			_ = target.Close()
			return
		}
		_ = target.CloseWrite()
	}()
	_, err := io.Copy(stream, target)
	_ = stream.Close()
	if err != nil {
		_ = target.Close()
	}
	<-done
}
