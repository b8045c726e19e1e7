package agent

import (
	"context"
	"io"
	"net"
	"strconv"
	"time"

	"provision/provision/agent/api"
	"provision/provision/internal/names"
	"provision/provision/internal/system"
	"provision/provision/internal/wire"
)

// unitName is what systemd takes for a unit's full name, without the patterns
// that journalctl would take too.
func unitName(name string) bool {
	const chars = names.Alnum + `:_.\@`
	return names.Only(name, chars, chars+"-", 255)
}

// journalArgv reads a unit's log.
func journalArgv(h api.JournalHeader) ([]string, error) {
	if !unitName(h.Unit) || h.Lines < 0 || h.Lines > 1_000_000 || h.Ago < 0 {
		return nil, api.BadRequest("%q is no unit name, or the number of lines or the time is out of range", h.Unit)
	}
	argv := []string{"journalctl", "--no-pager", "--quiet", "--output=short-iso", "--unit=" + h.Unit}
	if h.Lines > 0 || h.Ago == 0 {
		argv = append(argv, "--lines="+strconv.Itoa(h.Lines))
	}
	if h.Ago > 0 {
		argv = append(argv, "--since=-"+strconv.FormatInt(int64(h.Ago/time.Second), 10)+"s")
	}
	if h.Follow {
		argv = append(argv, "--follow")
	}
	return argv, nil
}

// followJournal carries a unit's log until it ends, or the operator ends the
// stream or the session.
func (s *session) followJournal(ctx context.Context, stream net.Conn, header *api.JournalHeader) {
	var argv []string
	err := api.BadRequest("a stream of type journal needs a unit")
	if header != nil {
		argv, err = journalArgv(*header)
	}
	if failed := wire.WriteLine(stream, api.StreamReply{Error: wire.ToError(err)}); failed != nil || err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, stream) // nothing comes but the end
		cancel()
	}()
	if err := s.sys.Stream(ctx, system.Command{Argv: argv}, stream); err != nil && ctx.Err() == nil {
		_, _ = io.WriteString(stream, err.Error()+"\n")
	}
	_ = stream.Close()
	_ = stream.SetReadDeadline(time.Unix(1, 0))
	<-ended
}
