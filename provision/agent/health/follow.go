package health

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
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
func journalArgv(header api.JournalHeader) ([]string, error) {
	if !unitName(header.Unit) || header.Lines < 0 || header.Lines > 1_000_000 || header.Ago < 0 {
		return nil, api.BadRequest("%q is no unit name, or the number of lines or the time is out of range", header.Unit)
	}
	argv := []string{"journalctl", "--no-pager", "--quiet", "--output=short-iso", "--unit=" + header.Unit}
	if header.Lines > 0 || header.Ago == 0 {
		argv = append(argv, "--lines="+strconv.Itoa(header.Lines))
	}
	if header.Ago > 0 {
		argv = append(argv, "--since=-"+strconv.FormatInt(int64(header.Ago/time.Second), 10)+"s")
	}
	if header.Follow {
		argv = append(argv, "--follow")
	}
	return argv, nil
}

// Journal returns the last lines of a unit's log.
func (h *Host) Journal(ctx context.Context, params api.JournalParams) (api.JournalResult, error) {
	if params.Lines <= 0 || params.Lines > 10000 {
		return api.JournalResult{}, api.BadRequest("a unit and a number of lines (1 to 10000) are needed")
	}
	argv, err := journalArgv(api.JournalHeader{Unit: params.Unit, Lines: params.Lines})
	if err != nil {
		return api.JournalResult{}, err
	}
	result, err := h.Sys.Runner.Run(ctx, system.Command{Argv: argv})
	if err != nil {
		return api.JournalResult{}, fmt.Errorf("reading log of %s: %w", params.Unit, err)
	}
	text := strings.TrimRight(string(result.Stdout), "\n")
	if text == "" {
		return api.JournalResult{}, nil
	}
	return api.JournalResult{Lines: strings.Split(text, "\n")}, nil
}

// Follow carries a unit's log until it ends, or the operator ends the
// stream or the session.
func (h *Host) Follow(ctx context.Context, stream net.Conn, header *api.JournalHeader) {
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
	if err := h.Sys.Stream(ctx, system.Command{Argv: argv}, stream); err != nil && ctx.Err() == nil {
		_, _ = io.WriteString(stream, err.Error()+"\n")
	}
	_ = stream.Close()
	_ = stream.SetReadDeadline(time.Unix(1, 0))
	<-ended
}
