package fleet

import (
	"context"
	"io"
	"net"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// Agent is the session with one host's agent.
type Agent interface {
	Facts(ctx context.Context, paths ...string) (facts.Host, error)
	Plan(ctx context.Context, params api.PlanParams) (api.PlanResult, error)
	Lock(ctx context.Context, params api.LockParams) (api.LockResult, error)
	// Await waits until there is reason to ask again for a lock that was refused.
	Await(ctx context.Context, params api.AwaitParams) error
	Apply(ctx context.Context, params api.ApplyParams) (api.ApplyResult, error)
	Remove(ctx context.Context, params api.RemoveParams) (api.ApplyResult, error)
	Identity(ctx context.Context, params api.IdentityParams) (api.IdentityResult, error)
	Sign(ctx context.Context, request system.SignRequest) ([]byte, error)
	Roster(ctx context.Context, roster facts.Roster) error
	Commit(ctx context.Context) error
	// Trial does one act of the trial of units with new settings.
	Trial(ctx context.Context, params api.TrialParams) (api.TrialResult, error)
	// Snapshot keeps etcd's data as they are.
	Snapshot(ctx context.Context, params api.SnapshotParams) (api.SnapshotResult, error)
	// Clock, Inspect, Latency, Listen and Reach look at what the host is fit
	// for (see api); they change nothing.
	Clock(ctx context.Context) (api.ClockResult, error)
	Inspect(ctx context.Context, params api.InspectParams) (api.InspectResult, error)
	Latency(ctx context.Context, params api.LatencyParams) (api.LatencyResult, error)
	Listen(ctx context.Context, params api.ListenParams) (api.ListenResult, error)
	Reach(ctx context.Context, params api.ReachParams) (api.ReachResult, error)
	// Health and Collect tell how the host is doing, and Follow copies a
	// unit's log; they change nothing.
	Health(ctx context.Context, params api.HealthParams) (api.HealthResult, error)
	Collect(ctx context.Context, params api.CollectParams) (api.CollectResult, error)
	// Reboot restarts the host, unless it runs another boot than the one named.
	Reboot(ctx context.Context, params api.RebootParams) (api.RebootResult, error)
	// History reads and writes the records of runs.
	History(ctx context.Context, params api.HistoryParams) (api.HistoryResult, error)
	Journal(ctx context.Context, unit string, lines int) ([]string, error)
	Follow(ctx context.Context, header api.JournalHeader, out io.Writer) error
	// Probe waits until a URL of the host answers 200.
	Probe(ctx context.Context, params api.ProbeParams) (api.ProbeResult, error)
	// Dial connects to an address as seen from the host.
	Dial(ctx context.Context, address string) (net.Conn, error)
	// SendBlobs sends blobs in the given order; arrived is called after each.
	SendBlobs(ctx context.Context, blobs []Blob, arrived func(sha256 string), sent func(bytes int64)) error
	// HostKey is the SSH host key that the host showed: "ssh-ed25519 AAAA…".
	HostKey() string
	// Replaced reports whether the operator accepted that key for a machine
	// that replaces the one that the host was before.
	Replaced() (bool, error)
	// Done is closed when the session has ended; then Err says why.
	Done() <-chan struct{}
	Err() error
	Close() error
}

// Blob is content for a host. Open starts at an offset, to resume.
type Blob struct {
	SHA256 string
	Size   int64
	Have   int64 // bytes the host has of it
	Open   func(offset int64) (io.ReadCloser, error)
}

// Connector starts agents.
type Connector interface {
	// Connect reaches a host and starts its agent. sign is called when the
	// agent asks for a certificate.
	Connect(ctx context.Context, host inventory.Host, sign SignFunc) (Agent, error)
	// Gone waits until the host has ended the connection, or ctx ends.
	Gone(ctx context.Context, host inventory.Host)
	// Forget ends the connection to a host that reboots: the next Connect makes
	// another, and tries anew what was refused.
	Forget(host inventory.Host)
	Close() error
}

// SignFunc has a certificate request signed by a host that holds the CA's key.
type SignFunc func(ctx context.Context, request system.SignRequest) ([]byte, error)
