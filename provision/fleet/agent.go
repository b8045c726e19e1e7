package fleet

import (
	"context"
	"io"
	"net"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// Agent is the session with one host's agent.
type Agent interface {
	// The methods that it answers are in package api: api.Plan.Call(ctx, agent, …).
	api.Caller
	// Follow copies a unit's log.
	Follow(ctx context.Context, header api.JournalHeader, out io.Writer) error
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
