package client

import (
	"context"
	"fmt"
	"net"
	"time"

	"provision/provision/agent/api"
	"provision/provision/internal/wire"
)

// Dial opens a TCP connection from the host to IP:PORT: loopback, the host's
// own addresses or the cluster's. It ends with the session.
func (s *Session) Dial(ctx context.Context, address string) (net.Conn, error) {
	stream, err := s.mux.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: opening stream: %w", s.process.Host, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Unix(1, 0)) })
	err = handshake(stream, address)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = stream.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("%s: dialling %s from there: %w", s.process.Host, address, err)
	}
	return conn{stream}, nil
}

func handshake(stream net.Conn, address string) error {
	if err := wire.WriteLine(stream, api.StreamHeader{Type: "dial", Address: address}); err != nil {
		return err
	}
	var reply api.StreamReply
	if err := wire.ReadHeader(stream, &reply); err != nil {
		return err
	}
	if reply.Error != nil {
		return reply.Error
	}
	return nil
}

// conn is a stream that carries a TCP connection.
type conn struct{ net.Conn }

// CloseWrite ends our half. Closing a yamux stream does only that; what the
// other side still sends can be read.
func (c conn) CloseWrite() error { return c.Conn.Close() }
