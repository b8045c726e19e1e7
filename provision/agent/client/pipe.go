package client

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// errNoAnswer ends the input of an agent that is suspended, hung or cut off.
var errNoAnswer = errors.New("the agent does not answer")

// piece is how much of a stream is passed on at once.
const piece = 16 << 10

// pipe joins the process's ends. Both can be given up although the process
// neither reads, writes nor ends: nobody tells of a suspended one.
type pipe struct {
	process Process
	pumped  *io.PipeReader
	feed    *io.PipeWriter
	asked   atomic.Bool // the end of the session was asked for
	ended   atomic.Bool // the process's output has ended
	closed  atomic.Bool

	killed sync.WaitGroup
}

// newPipe starts to read the process's output, until it ends.
func newPipe(output io.Reader, process Process) *pipe {
	reader, writer := io.Pipe()
	p := &pipe{process: process, pumped: reader}
	go func() {
		err := pump(writer, output)
		if p.closed.Load() { // nobody reads any more, but the process may write
			_, _ = io.Copy(io.Discard, output)
		}
		p.ended.Store(true)
		writer.CloseWithError(err) // nil: io.EOF
	}()
	return p
}

// feeding passes on what is written, too, until Close. Then it ends the
// process's input.
func (p *pipe) feeding() *pipe {
	reader, writer := io.Pipe()
	p.feed = writer
	go func() {
		err := pump(p.process.Stdin, reader)
		_ = reader.CloseWithError(err)
		_ = p.process.Stdin.Close()
	}()
	return p
}

func pump(to io.Writer, from io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, piece))
	return err
}

// Read implements io.Reader.
func (p *pipe) Read(b []byte) (int, error) { return p.pumped.Read(b) }

// Write implements io.Writer.
func (p *pipe) Write(b []byte) (int, error) { return p.feed.Write(b) }

// Close ends the agent's input, which ends the agent, and our reads at once: until
// they end, readers of the session's streams spin. An agent that does not end is
// killed by who waits for its end, one that did not answer at once.
func (p *pipe) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	if !p.asked.Load() && !p.ended.Load() {
		p.killed.Go(p.giveUp)
	}
	_ = p.pumped.Close()
	return p.feed.Close()
}

func (p *pipe) giveUp() {
	if p.process.Kill != nil {
		p.process.Kill()
	}
	_ = p.pumped.CloseWithError(errNoAnswer)
	if p.feed != nil {
		_ = p.feed.CloseWithError(errNoAnswer)
	}
}

// stop waits for what Close began.
func (p *pipe) stop() { p.killed.Wait() }
