package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh/hostkey"
)

const (
	// maxChannels is below sshd's MaxSessions of 10.
	maxChannels = 8
	// missedKeepalives without an answer mean that the host is gone.
	missedKeepalives = 3
)

// Conn is a connection to a host, shared by all who asked for it.
type Conn struct {
	pool   *Pool
	target Target
	client *gossh.Client
	key    gossh.PublicKey
	slots  chan struct{}
	opened atomic.Int64
	wg     sync.WaitGroup

	once   sync.Once
	done   chan struct{}
	reason error // set before done is closed
}

func newConn(p *Pool, t Target, client *gossh.Client, key gossh.PublicKey) *Conn {
	c := &Conn{
		pool: p, target: t, client: client, key: key,
		slots: make(chan struct{}, maxChannels),
		done:  make(chan struct{}),
	}
	c.wg.Go(func() { c.close(client.Wait()) })
	if t.Keepalive > 0 {
		c.wg.Go(c.keepalive)
	}
	return c
}

// Target is where the connection leads.
func (c *Conn) Target() Target { return c.target }

// HostKey is the key that the host showed, without the certificate if it has
// one: "ssh-ed25519 AAAA…".
func (c *Conn) HostKey() string {
	key := c.key
	if cert, ok := key.(*gossh.Certificate); ok {
		key = cert.Key
	}
	return strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key)))
}

// Replaced reports whether that key was accepted for a machine that replaces
// the one that the host was before.
func (c *Conn) Replaced() (bool, error) {
	if c.target.Replaced {
		return true, nil
	}
	return hostkey.Replaced(c.target.KnownHosts, c.target.Endpoint(), c.key)
}

// Done is closed when the connection has ended; Err then says why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is nil while the connection lives.
func (c *Conn) Err() error {
	select {
	case <-c.done:
		return c.reason
	default:
		return nil
	}
}

// Channels counts the exec channels opened so far.
func (c *Conn) Channels() int { return int(c.opened.Load()) }

// Close ends the connection for everyone who shares it.
func (c *Conn) Close() error {
	c.close(ErrClosed)
	return nil
}

func (c *Conn) close(cause error) {
	c.once.Do(func() {
		detail := "the host closed it"
		if cause != nil && !errors.Is(cause, net.ErrClosed) && cause.Error() != "EOF" {
			detail = cause.Error()
		}
		c.reason = c.target.fail(ErrConnectionLost, detail, "", cause)
		close(c.done)
		_ = c.client.Close()
	})
}

// DialContext opens a connection from the host to address, as for a bastion.
func (c *Conn) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return c.client.DialContext(ctx, network, address)
}

// keepalive ends the connection when the host no longer answers.
func (c *Conn) keepalive() {
	ticker := time.NewTicker(c.target.Keepalive)
	defer ticker.Stop()
	answers := make(chan struct{}, 1)
	missed, asked := 0, false
	for {
		select {
		case <-c.done:
			return
		case <-answers:
			missed, asked = 0, false
		case <-ticker.C:
			if asked {
				missed++
			}
			if missed >= missedKeepalives {
				c.close(fmt.Errorf("no answer to keepalives for %s", time.Duration(missed)*c.target.Keepalive))
				return
			}
			if !asked {
				asked = true
				c.wg.Go(func() {
					// A refusal is an answer too; a lost connection ends c.done.
					_, _, _ = c.client.SendRequest("keepalive@openssh.com", true, nil)
					answers <- struct{}{}
				})
			}
		}
	}
}

// acquire takes one of the connection's channels; waiters queue.
func (c *Conn) acquire(ctx context.Context) error {
	select {
	case <-c.done:
		return c.reason
	case <-ctx.Done():
		return context.Cause(ctx)
	default:
	}
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-c.done:
		return c.reason
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Conn) release() { <-c.slots }
