package client

import (
	"context"
	"fmt"
	"io"
	"time"

	"provision/provision/agent/api"
	"provision/provision/internal/wire"
)

// Follow copies a unit's log to out until it ends, or ctx does, which is no
// error.
func (s *Session) Follow(ctx context.Context, header api.JournalHeader, out io.Writer) error {
	stream, err := s.mux.Open()
	if err != nil {
		return fmt.Errorf("%s: opening stream: %w", s.process.Host, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.Close(); _ = stream.SetReadDeadline(expired()) })
	defer stop()
	defer func() { _ = stream.Close() }()
	err = wire.WriteLine(stream, api.StreamHeader{Type: api.StreamJournal, Journal: &header})
	var reply api.StreamReply
	if err == nil {
		err = wire.ReadHeader(stream, &reply)
	}
	if err == nil && reply.Error != nil {
		err = reply.Error
	}
	if err == nil {
		_, err = io.Copy(out, stream)
	}
	if err == nil && s.mux.IsClosed() {
		err = s.lost()
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: reading the log of %s: %w", s.process.Host, header.Unit, err)
	}
	return nil
}

// lost is why the session ended.
func (s *Session) lost() error {
	<-s.done
	if err := s.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

// expired is a deadline that has passed.
func expired() time.Time { return time.Unix(1, 0) }
