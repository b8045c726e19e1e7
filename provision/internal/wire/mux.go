package wire

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"
)

// Heartbeat is how often the operator sends a frame when there is nothing else.
const Heartbeat = 2500 * time.Millisecond

// Silence is how long an agent waits for a frame before it gives up.
const Silence = 10 * time.Second

// Reply is how long an operator waits for the answer to a heartbeat. A session
// whose link is lost is over for the operator before the agent frees its lock
// (Heartbeat + Reply < Silence), so that a run never goes on without it.
const Reply = 7 * time.Second

// Operator starts the operator's end of the streams.
func Operator(pipe io.ReadWriteCloser) (*yamux.Session, error) {
	config := config()
	config.EnableKeepAlive = true
	config.ConnectionWriteTimeout = Reply
	return yamux.Client(pipe, config)
}

// Agent starts the agent's end of the streams. Its pipe should be a Watched:
// the operator alone sends heartbeats, the agent only answers.
func Agent(pipe io.ReadWriteCloser) (*yamux.Session, error) {
	return yamux.Server(pipe, config())
}

func config() *yamux.Config {
	config := yamux.DefaultConfig()
	config.EnableKeepAlive = false
	config.KeepAliveInterval = Heartbeat
	config.ConnectionWriteTimeout = Silence
	config.LogOutput = io.Discard
	return config
}

// Watched joins an input and an output into one pipe, closes itself when the
// input is silent for too long, and can be closed although a read of the input
// may block for ever (standard input cannot be interrupted).
type Watched struct {
	out     io.Writer
	pumped  *io.PipeReader
	in      io.Reader
	timer   *time.Timer
	expired atomic.Bool
	heard   atomic.Int64 // when input came last: time since begun
	begun   time.Time
	once    sync.Once
	ending  atomic.Pointer[func()]
}

// Ending is called before Read returns an error.
func (w *Watched) Ending(do func()) { w.ending.Store(&do) }

// Watch starts reading in. Close ends it; the goroutine that reads ends with
// in, which Close closes when it can.
func Watch(in io.Reader, out io.Writer, silence time.Duration) *Watched {
	reader, writer := io.Pipe()
	w := &Watched{out: out, pumped: reader, in: in, begun: time.Now()}
	w.timer = time.AfterFunc(silence, func() {
		w.expired.Store(true)
		_ = w.Close()
	})
	go func() {
		buffer := make([]byte, 16<<10)
		for {
			n, err := in.Read(buffer)
			if n > 0 {
				w.timer.Reset(silence)
				w.heard.Store(int64(time.Since(w.begun)))
				if _, err := writer.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				writer.CloseWithError(err)
				return
			}
		}
	}()
	return w
}

// Expired reports whether silence ended the pipe.
func (w *Watched) Expired() bool { return w.expired.Load() }

// Silent is how long ago the other side was heard.
func (w *Watched) Silent() time.Duration { return time.Since(w.begun) - time.Duration(w.heard.Load()) }

// Read implements io.Reader.
func (w *Watched) Read(p []byte) (int, error) {
	n, err := w.pumped.Read(p)
	if do := w.ending.Load(); err != nil && do != nil {
		(*do)()
	}
	return n, err
}

// Write implements io.Writer.
func (w *Watched) Write(p []byte) (int, error) { return w.out.Write(p) }

// Close implements io.Closer.
func (w *Watched) Close() error {
	w.once.Do(func() {
		w.timer.Stop()
		_ = w.pumped.CloseWithError(io.ErrClosedPipe)
		if closer, ok := w.in.(io.Closer); ok {
			_ = closer.Close()
		}
		if closer, ok := w.out.(io.Closer); ok {
			_ = closer.Close()
		}
	})
	return nil
}
