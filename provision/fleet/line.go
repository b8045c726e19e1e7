package fleet

import (
	"context"
	"io"
	"net"
	"sync"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/system"
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
func (l *Line) Facts(ctx context.Context, paths ...string) (facts.Host, error) {
	return l.Session().Facts(ctx, paths...)
}

func (l *Line) Plan(ctx context.Context, params api.PlanParams) (api.PlanResult, error) {
	return l.Session().Plan(ctx, params)
}

func (l *Line) Lock(ctx context.Context, params api.LockParams) (api.LockResult, error) {
	return l.Session().Lock(ctx, params)
}

func (l *Line) Await(ctx context.Context, params api.AwaitParams) error {
	return l.Session().Await(ctx, params)
}

func (l *Line) Apply(ctx context.Context, params api.ApplyParams) (api.ApplyResult, error) {
	return l.Session().Apply(ctx, params)
}

func (l *Line) Remove(ctx context.Context, params api.RemoveParams) (api.ApplyResult, error) {
	return l.Session().Remove(ctx, params)
}

func (l *Line) Identity(ctx context.Context, params api.IdentityParams) (api.IdentityResult, error) {
	return l.Session().Identity(ctx, params)
}

func (l *Line) Sign(ctx context.Context, request system.SignRequest) ([]byte, error) {
	return l.Session().Sign(ctx, request)
}

func (l *Line) Roster(ctx context.Context, roster facts.Roster) error {
	return l.Session().Roster(ctx, roster)
}

func (l *Line) Commit(ctx context.Context) error { return l.Session().Commit(ctx) }

func (l *Line) Snapshot(ctx context.Context, params api.SnapshotParams) (api.SnapshotResult, error) {
	return l.Session().Snapshot(ctx, params)
}

func (l *Line) Clock(ctx context.Context) (api.ClockResult, error) { return l.Session().Clock(ctx) }

func (l *Line) Inspect(ctx context.Context, params api.InspectParams) (api.InspectResult, error) {
	return l.Session().Inspect(ctx, params)
}

func (l *Line) Latency(ctx context.Context, params api.LatencyParams) (api.LatencyResult, error) {
	return l.Session().Latency(ctx, params)
}

func (l *Line) Listen(ctx context.Context, params api.ListenParams) (api.ListenResult, error) {
	return l.Session().Listen(ctx, params)
}

func (l *Line) Reach(ctx context.Context, params api.ReachParams) (api.ReachResult, error) {
	return l.Session().Reach(ctx, params)
}

func (l *Line) Health(ctx context.Context, params api.HealthParams) (api.HealthResult, error) {
	return l.Session().Health(ctx, params)
}

func (l *Line) Collect(ctx context.Context, params api.CollectParams) (api.CollectResult, error) {
	return l.Session().Collect(ctx, params)
}

func (l *Line) Reboot(ctx context.Context, params api.RebootParams) (api.RebootResult, error) {
	return l.Session().Reboot(ctx, params)
}

func (l *Line) History(ctx context.Context, params api.HistoryParams) (api.HistoryResult, error) {
	return l.Session().History(ctx, params)
}

func (l *Line) Journal(ctx context.Context, unit string, lines int) ([]string, error) {
	return l.Session().Journal(ctx, unit, lines)
}

func (l *Line) Follow(ctx context.Context, header api.JournalHeader, out io.Writer) error {
	return l.Session().Follow(ctx, header, out)
}

func (l *Line) Trial(ctx context.Context, params api.TrialParams) (api.TrialResult, error) {
	return l.Session().Trial(ctx, params)
}

func (l *Line) Probe(ctx context.Context, params api.ProbeParams) (api.ProbeResult, error) {
	return l.Session().Probe(ctx, params)
}

func (l *Line) Dial(ctx context.Context, address string) (net.Conn, error) {
	return l.Session().Dial(ctx, address)
}

func (l *Line) SendBlobs(ctx context.Context, blobs []Blob, arrived func(sha256 string), sent func(bytes int64)) error {
	return l.Session().SendBlobs(ctx, blobs, arrived, sent)
}

var _ Agent = (*Line)(nil)
