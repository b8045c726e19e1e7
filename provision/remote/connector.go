package remote

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"provision/provision/agent/api"
	"provision/provision/agent/client"
	"provision/provision/fleet"
	"provision/provision/internal/ssh"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// Options of a Connector.
type Options struct {
	Pool *ssh.Pool
	// Target says how to reach a host.
	Target func(host inventory.Host) (ssh.Target, error)
	Agent  ssh.AgentBinary
	// Limits are how long agents may take; zero: as usual.
	Limits client.Limits
	// HelloTime bounds the start of an agent; 0: as usual.
	HelloTime time.Duration
}

// Connector starts agents over SSH, one connection per host.
type Connector struct{ options Options }

// New returns a Connector. Close closes its pool.
func New(options Options) *Connector { return &Connector{options} }

// Connect reaches a host and starts its agent.
func (c *Connector) Connect(ctx context.Context, host inventory.Host, sign fleet.SignFunc) (fleet.Agent, error) {
	target, err := c.options.Target(host)
	if err != nil {
		return nil, err
	}
	conn, err := c.options.Pool.Connect(ctx, target)
	if err != nil {
		return nil, err
	}
	nonce, err := newNonce()
	if err != nil {
		return nil, err
	}
	// The agent outlives the call that starts it; Close ends it.
	live, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, end)
	process, err := ssh.StartAgent(live, conn, c.options.Agent, "serve", nonce)
	if err != nil {
		end()
		return nil, err
	}
	session, err := client.Start(ctx, processOf(process, host.Name, target.ConnectTimeout), nonce, client.Options{
		Limits: c.options.Limits, HelloTime: c.options.HelloTime,
		OnSign: func(ctx context.Context, request system.SignRequest) ([]byte, error) { return sign(ctx, request) },
	})
	if !stop() && err == nil {
		_ = session.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		end()
		return nil, err
	}
	return &agent{Session: session, conn: conn, binary: c.options.Agent, host: host.Name, end: end,
		patience: target.ConnectTimeout}, nil
}

// Gone implements fleet.Connector.
func (c *Connector) Gone(ctx context.Context, host inventory.Host) {
	if target, err := c.options.Target(host); err == nil {
		c.options.Pool.Gone(ctx, target)
	}
}

// Forget implements fleet.Connector.
func (c *Connector) Forget(host inventory.Host) {
	if target, err := c.options.Target(host); err == nil {
		c.options.Pool.Forget(target)
	}
}

// Close ends all connections.
func (c *Connector) Close() error { return c.options.Pool.Close() }

func newNonce() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("making a nonce: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

func processOf(p *ssh.Process, host string, patience time.Duration) client.Process {
	return client.Process{Stdin: p.Stdin, Stdout: p.Stdout, Wait: p.Wait, Host: host,
		Kill: p.Kill, Patience: patience}
}

// agent is a session over SSH.
type agent struct {
	*client.Session
	conn   *ssh.Conn
	binary ssh.AgentBinary
	host   string
	epoch  atomic.Uint64 // of the lock, 0 without
	end    context.CancelFunc
	once   sync.Once
	// patience is how long the inventory gives the host to log in.
	patience time.Duration
}

func (a *agent) Close() error {
	err := a.Session.Close()
	a.once.Do(a.end)
	return err
}

// Call remembers the epoch of the lock: blobs are received under it.
func (a *agent) Call(ctx context.Context, method string, params, result any) error {
	err := a.Session.Call(ctx, method, params, result)
	if lock, ok := result.(*api.LockResult); ok && err == nil && lock.Granted {
		a.epoch.Store(lock.Epoch)
	}
	return err
}

// SendBlobs starts a receiver on a channel of its own.
func (a *agent) SendBlobs(ctx context.Context, blobs []fleet.Blob, arrived func(string), sent func(int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // with the session, the receiver is of no use
		select {
		case <-a.Done():
			cancel(cmp.Or(a.Err(), errors.New("the session ended")))
			// A write to a dead link blocks until the link is given up.
			_ = a.conn.Close()
		case <-ctx.Done():
		}
	}()
	args := []string{"blobs"}
	if epoch := a.epoch.Load(); epoch != 0 {
		args = append(args, strconv.FormatUint(epoch, 10))
	}
	process, err := ssh.StartAgent(ctx, a.conn, a.binary, args...)
	if err != nil {
		return err
	}
	list := make([]client.Blob, 0, len(blobs))
	for _, b := range blobs {
		list = append(list, client.Blob{SHA256: b.SHA256, Size: b.Size, Offset: b.Have, Open: b.Open,
			Arrived: func() { arrived(b.SHA256) }})
	}
	return client.SendBlobs(ctx, processOf(process, a.host, a.patience), list, func(_ string, bytes int64) { sent(bytes) })
}

var _ fleet.Agent = (*agent)(nil)
