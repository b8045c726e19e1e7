package provision

import (
	"context"
	"io"
	"net"
	"sync"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/system"
)

// line is the way to a host's agent for a whole run. The session behind it can
// be replaced by another in between: the host reboots.
type line struct {
	ended chan struct{} // closed when the session is lost for good
	all   sync.WaitGroup

	mu     sync.Mutex
	now    Agent
	away   bool // the session is about to end, and that is meant so
	over   bool // ended is closed
	closed bool
}

func newLine(first Agent) *line {
	l := &line{ended: make(chan struct{})}
	l.replace(first)
	return l
}

func (l *line) session() Agent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// leave says that the session will end, and another one come.
func (l *line) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = true
}

// replace goes on with another session, unless the run is over.
func (l *line) replace(next Agent) {
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

// stay says that no other session comes: the one there is counts again.
func (l *line) stay() {
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

func (l *line) lost(session Agent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == session && !l.away && !l.over {
		l.over = true
		close(l.ended)
	}
}

// Done is closed when the session is lost, and no other is to come.
func (l *line) Done() <-chan struct{} { return l.ended }

// Close ends the session for good.
func (l *line) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.stay()
	err := l.session().Close()
	l.all.Wait()
	return err
}

func (l *line) Err() error              { return l.session().Err() }
func (l *line) HostKey() string         { return l.session().HostKey() }
func (l *line) Replaced() (bool, error) { return l.session().Replaced() }
func (l *line) Facts(ctx context.Context, paths ...string) (facts.Host, error) {
	return l.session().Facts(ctx, paths...)
}

func (l *line) Plan(ctx context.Context, params api.PlanParams) (api.PlanResult, error) {
	return l.session().Plan(ctx, params)
}

func (l *line) Lock(ctx context.Context, params api.LockParams) (api.LockResult, error) {
	return l.session().Lock(ctx, params)
}

func (l *line) Await(ctx context.Context, params api.AwaitParams) error {
	return l.session().Await(ctx, params)
}

func (l *line) Apply(ctx context.Context, params api.ApplyParams) (api.ApplyResult, error) {
	return l.session().Apply(ctx, params)
}

func (l *line) Remove(ctx context.Context, params api.RemoveParams) (api.ApplyResult, error) {
	return l.session().Remove(ctx, params)
}

func (l *line) Identity(ctx context.Context, params api.IdentityParams) (api.IdentityResult, error) {
	return l.session().Identity(ctx, params)
}

func (l *line) Sign(ctx context.Context, request system.SignRequest) ([]byte, error) {
	return l.session().Sign(ctx, request)
}

func (l *line) Roster(ctx context.Context, roster facts.Roster) error {
	return l.session().Roster(ctx, roster)
}

func (l *line) Commit(ctx context.Context) error { return l.session().Commit(ctx) }

func (l *line) Snapshot(ctx context.Context, params api.SnapshotParams) (api.SnapshotResult, error) {
	return l.session().Snapshot(ctx, params)
}

func (l *line) Clock(ctx context.Context) (api.ClockResult, error) { return l.session().Clock(ctx) }

func (l *line) Inspect(ctx context.Context, params api.InspectParams) (api.InspectResult, error) {
	return l.session().Inspect(ctx, params)
}

func (l *line) Latency(ctx context.Context, params api.LatencyParams) (api.LatencyResult, error) {
	return l.session().Latency(ctx, params)
}

func (l *line) Listen(ctx context.Context, params api.ListenParams) (api.ListenResult, error) {
	return l.session().Listen(ctx, params)
}

func (l *line) Reach(ctx context.Context, params api.ReachParams) (api.ReachResult, error) {
	return l.session().Reach(ctx, params)
}

func (l *line) Health(ctx context.Context, params api.HealthParams) (api.HealthResult, error) {
	return l.session().Health(ctx, params)
}

func (l *line) Collect(ctx context.Context, params api.CollectParams) (api.CollectResult, error) {
	return l.session().Collect(ctx, params)
}

func (l *line) Reboot(ctx context.Context, params api.RebootParams) (api.RebootResult, error) {
	return l.session().Reboot(ctx, params)
}

func (l *line) History(ctx context.Context, params api.HistoryParams) (api.HistoryResult, error) {
	return l.session().History(ctx, params)
}

func (l *line) Journal(ctx context.Context, unit string, lines int) ([]string, error) {
	return l.session().Journal(ctx, unit, lines)
}

func (l *line) Follow(ctx context.Context, header api.JournalHeader, out io.Writer) error {
	return l.session().Follow(ctx, header, out)
}

func (l *line) Probe(ctx context.Context, params api.ProbeParams) (api.ProbeResult, error) {
	return l.session().Probe(ctx, params)
}

func (l *line) Dial(ctx context.Context, address string) (net.Conn, error) {
	return l.session().Dial(ctx, address)
}

func (l *line) SendBlobs(ctx context.Context, blobs []Blob, arrived func(sha256 string), sent func(bytes int64)) error {
	return l.session().SendBlobs(ctx, blobs, arrived, sent)
}

var _ Agent = (*line)(nil)
