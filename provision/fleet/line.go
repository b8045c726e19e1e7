package fleet

import (
	"context"
	"io"
	"net"
	"sync"

	"provision/provision/agent/api"
)

// Line is the way to a host's agent for a whole run. The session behind it can
// be replaced by another in between: the host reboots.
type Line struct {
	ended chan struct{} // closed when the session is lost for good
	all   sync.WaitGroup

	mu     sync.Mutex
	now    Agent
	away   bool // the session is about to end, and that is meant so
	over   bool // ended is closed
	closed bool
}

func newLine(first Agent) *Line {
	l := &Line{ended: make(chan struct{})}
	l.Replace(first)
	return l
}

// Session is the one of now.
func (l *Line) Session() Agent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// Leave says that the session will end, and another one come.
func (l *Line) Leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = true
}

// Replace goes on with another session, unless the run is over.
func (l *Line) Replace(next Agent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.away = next, false
	if l.closed {
		l.all.Go(func() { _ = next.Close() })
	}
	l.all.Go(func() {
		<-next.Done()
		l.lost(next)
	})
}

// Stay says that no other session comes: the one there is counts again.
func (l *Line) Stay() {
	l.mu.Lock()
	l.away = false
	now := l.now
	l.mu.Unlock()
	select {
	case <-now.Done():
		l.lost(now)
	default:
	}
}

func (l *Line) lost(session Agent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == session && !l.away && !l.over {
		l.over = true
		close(l.ended)
	}
}

// Done is closed when the session is lost, and no other is to come.
func (l *Line) Done() <-chan struct{} { return l.ended }

// Close ends the session for good.
func (l *Line) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.Stay()
	err := l.Session().Close()
	l.all.Wait()
	return err
}

func (l *Line) Err() error              { return l.Session().Err() }
func (l *Line) HostKey() string         { return l.Session().HostKey() }
func (l *Line) Replaced() (bool, error) { return l.Session().Replaced() }
func (l *Line) Call(ctx context.Context, method string, params, result any) error {
	return l.Session().Call(ctx, method, params, result)
}

func (l *Line) Follow(ctx context.Context, header api.JournalHeader, out io.Writer) error {
	return l.Session().Follow(ctx, header, out)
}

func (l *Line) Dial(ctx context.Context, address string) (net.Conn, error) {
	return l.Session().Dial(ctx, address)
}

func (l *Line) SendBlobs(ctx context.Context, blobs []Blob, arrived func(sha256 string), sent func(bytes int64)) error {
	return l.Session().SendBlobs(ctx, blobs, arrived, sent)
}

var _ Agent = (*Line)(nil)
