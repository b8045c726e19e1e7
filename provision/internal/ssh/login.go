package ssh

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh/hostkey"
)

// attempts is how often a connection that the server drops before showing its
// key is tried: sshd does so at random when too many log in (MaxStartups).
const attempts = 4

// establish connects to the bastion, if any, and then to the host.
func (p *Pool) establish(ctx context.Context, t Target) (*Conn, error) {
	dial := p.opts.Dial
	if len(t.Hops) > 0 {
		via, err := p.Connect(ctx, t.last())
		if err != nil {
			return nil, err
		}
		dial = via.DialContext
	}
	checker, err := p.checker(t)
	if err != nil {
		return nil, t.fail(ErrHostKeyUnknown, err.Error(), "", err)
	}
	// Taken after the bastion's own login, or hosts that wait for a bastion
	// could hold every place that it needs.
	select {
	case p.logins <- struct{}{}:
		defer func() { <-p.logins }()
	case <-ctx.Done():
		return nil, t.givenUp(ctx)
	}
	for attempt := 1; ; attempt++ {
		l := &login{pool: p, target: t, checker: checker}
		client, err := l.tryTypes(ctx, dial)
		if err == nil {
			return newConn(p, t, client, l.seen), nil
		}
		if attempt == attempts || l.abandoned || !l.dropped || !pause(ctx, t, attempt) {
			return nil, err
		}
	}
}

// pause waits before another attempt, hosts for different times.
func pause(ctx context.Context, t Target, attempt int) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.key()))
	spread := time.Duration(h.Sum32()%200) * time.Millisecond
	timer := time.NewTimer((100*time.Millisecond + spread) << (attempt - 1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *Pool) checker(t Target) (*hostkey.Checker, error) {
	db, err := p.known(t.KnownHosts)
	if err != nil {
		return nil, err
	}
	pin, err := hostkey.ParsePin(t.HostKeyPin)
	if err != nil {
		return nil, err
	}
	return &hostkey.Checker{DB: db, Address: t.Endpoint(), Name: t.Name, Pin: pin}, nil
}

// login is one attempt to log in.
type login struct {
	pool    *Pool
	target  Target
	checker *hostkey.Checker
	offered []string // credentials, for messages

	askErr  error           // why there was no answer to a question
	keyErr  error           // the host key's verdict
	seen    gossh.PublicKey // the host's key
	dropped bool            // the server hung up before showing its key
	// abandoned: the login may still be under way, and write to what is above.
	abandoned bool
	timedOut  atomic.Bool
}

// tryTypes logs in. The fingerprint of a pin does not tell the key's type, so
// the host may have to show its keys one after the other.
func (l *login) tryTypes(ctx context.Context, dial DialFunc) (*gossh.Client, error) {
	algorithms := l.checker.Algorithms()
	for {
		client, err := l.try(ctx, dial, algorithms)
		if err == nil || l.abandoned || !l.checker.Pin.IsFingerprint() || l.keyErr == nil || l.seen == nil {
			return client, err
		}
		rest := without(algorithms, hostkey.AlgorithmsOf(l.seen.Type()))
		if len(rest) == 0 || len(rest) == len(algorithms) {
			return nil, err
		}
		first := err
		l.keyErr = nil
		if client, err = l.try(ctx, dial, rest); err == nil || l.abandoned {
			return client, err
		}
		if l.keyErr == nil { // no further key, or something else
			return nil, first
		}
		algorithms = rest
	}
}

func without(all, drop []string) []string {
	var rest []string
	for _, a := range all {
		keep := true
		for _, d := range drop {
			keep = keep && a != d
		}
		if keep {
			rest = append(rest, a)
		}
	}
	return rest
}

// try dials and logs in once, within the connect timeout.
func (l *login) try(ctx context.Context, dial DialFunc, algorithms []string) (*gossh.Client, error) {
	t := l.target
	raw, err := l.dial(ctx, dial)
	if err != nil {
		return nil, l.dialError(ctx, err)
	}
	over := make(chan struct{})
	hangUp := sync.OnceFunc(func() { close(over); _ = raw.Close() })
	stop := context.AfterFunc(ctx, hangUp)
	defer stop()
	timer := l.deadline(hangUp)
	defer timer.Stop()
	client, err := hostkey.Handshake(raw, t.Endpoint(), &gossh.ClientConfig{
		User:              t.User,
		Auth:              l.methods(ctx),
		HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(_ string, _ net.Addr, key gossh.PublicKey) error {
			l.seen = key
			l.keyErr = l.checker.Check(key)
			return l.keyErr
		},
		ClientVersion: "SSH-2.0-provision",
	}, over)
	if errors.Is(err, hostkey.ErrAbandoned) {
		l.abandoned = true
		return nil, l.late(ctx, err)
	}
	if err != nil {
		_ = raw.Close()
		l.dropped = l.seen == nil && ctx.Err() == nil && !l.timedOut.Load() &&
			(errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
		return nil, l.classify(ctx, err)
	}
	if !stop() || !timer.Stop() {
		_ = client.Close()
		return nil, l.classify(ctx, errors.New("closed while logging in"))
	}
	return client, nil
}

// probing is less than the kernel needs to find that a neighbour does not answer
// (three requests, a second apart: arp(7), mcast_solicit).
const probing = 2500 * time.Millisecond

// dial connects, within the connect timeout. A "no route to host" that comes
// sooner than the kernel could have asked is the end of an earlier question,
// from when the host was off: it is asked once more.
func (l *login) dial(ctx context.Context, dial DialFunc) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.target.ConnectTimeout)
	defer cancel()
	begun := time.Now()
	raw, err := dial(ctx, "tcp", l.target.Endpoint())
	if errors.Is(err, syscall.EHOSTUNREACH) && time.Since(begun) < probing {
		return dial(ctx, "tcp", l.target.Endpoint())
	}
	return raw, err
}

// deadline closes the connection when the login takes too long. The time that
// a person is being asked does not count, for none of the hosts: their logins
// may wait for the same passphrase.
func (l *login) deadline(hangUp func()) *time.Timer {
	start := make(chan struct{})
	var timer *time.Timer
	timer = time.AfterFunc(l.target.ConnectTimeout, func() {
		<-start
		if l.pool.askers.Load() > 0 {
			timer.Reset(l.target.ConnectTimeout)
			return
		}
		l.timedOut.Store(true)
		hangUp()
	})
	close(start)
	return timer
}
