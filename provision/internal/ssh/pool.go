package ssh

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"provision/provision/internal/ssh/hostkey"
	"provision/provision/secret"
)

// DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc = hostkey.DialFunc

// Question is what a person is asked.
type Question struct {
	Host string // who asks: a host, or a key file
	Text string
	Echo bool // show what is typed
}

// Options configure a Pool.
type Options struct {
	// Dial opens connections to hosts and first bastions; nil dials TCP.
	Dial DialFunc
	// Prompt asks a person; nil means that nobody can be asked. Calls never
	// overlap.
	Prompt func(ctx context.Context, q Question) (secret.Value, error)
	// AgentSocket is the path of ssh-agent's socket, $SSH_AUTH_SOCK; may be "".
	AgentSocket string
	// Parallel bounds logins under way at once; 0 means 32.
	Parallel int
	// Patience bounds each step of starting a program on a host; 0: 30 s. A
	// target's ConnectTimeout counts where it is longer.
	Patience time.Duration
	// Rand is the source of nonces; nil means crypto/rand.
	Rand io.Reader
}

// Pool keeps one connection per host.
type Pool struct {
	opts   Options
	ctx    context.Context
	cancel context.CancelCauseFunc
	logins chan struct{}
	wg     sync.WaitGroup

	mu      sync.Mutex
	entries map[string]*entry
	dbs     map[string]*hostkey.DB
	closed  bool

	asking    sync.Mutex // held while a person is asked
	askers    atomic.Int32
	passwords map[string]secret.Value
	secrets   sync.Mutex
	keys      map[string]*identity
	agentConn net.Conn
	agentKeys []gossh.Signer
	agentErr  error
	agentOnce sync.Once
}

// entry is a connection, or the attempt at one.
type entry struct {
	ready   chan struct{} // closed when conn or err is set
	conn    *Conn
	err     error
	waiters int
	cancel  context.CancelFunc
}

// NewPool makes an empty pool. Close it.
func NewPool(opts Options) *Pool {
	if opts.Dial == nil {
		opts.Dial = (&net.Dialer{}).DialContext
	}
	if opts.Parallel <= 0 {
		opts.Parallel = 32
	}
	if opts.Patience <= 0 {
		opts.Patience = 30 * time.Second
	}
	if opts.Rand == nil {
		opts.Rand = rand.Reader
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Pool{
		opts: opts, ctx: ctx, cancel: cancel,
		logins:    make(chan struct{}, opts.Parallel),
		entries:   map[string]*entry{},
		dbs:       map[string]*hostkey.DB{},
		passwords: map[string]secret.Value{},
		keys:      map[string]*identity{},
	}
}

// Connect returns the connection to the target, which all callers share, and
// makes it when there is none. A refused login is remembered, so that nobody
// is locked out by repetition; other failures are tried again when asked again.
func (p *Pool) Connect(ctx context.Context, t Target) (*Conn, error) {
	t = t.withDefaults()
	e, err := p.join(t)
	if err != nil {
		return nil, err
	}
	defer p.leave(e)
	select {
	case <-e.ready:
		return e.conn, e.err
	case <-ctx.Done():
		return nil, t.givenUp(ctx)
	}
}

// join finds or starts the attempt for the target.
func (p *Pool) join(t Target) (*entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	key := t.key()
	if e, ok := p.entries[key]; ok {
		e.waiters++
		return e, nil
	}
	ctx, cancel := context.WithCancel(p.ctx)
	e := &entry{ready: make(chan struct{}), waiters: 1, cancel: cancel}
	p.entries[key] = e
	p.wg.Go(func() { p.run(ctx, key, t, e) })
	return e, nil
}

// leave gives an attempt up when nobody waits for it any more.
func (p *Pool) leave(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.waiters--
	select {
	case <-e.ready:
	default:
		if e.waiters == 0 {
			e.cancel()
			p.drop(e)
		}
	}
}

// drop forgets an entry, so that the next caller starts afresh.
func (p *Pool) drop(e *entry) {
	for key, known := range p.entries {
		if known == e {
			delete(p.entries, key)
		}
	}
}

// Gone waits until the connection to the target has ended. There may be none.
func (p *Pool) Gone(ctx context.Context, t Target) {
	p.mu.Lock()
	e := p.entries[t.withDefaults().key()]
	p.mu.Unlock()
	if e == nil {
		return
	}
	select {
	case <-e.ready:
	case <-ctx.Done():
		return
	}
	if e.conn == nil {
		return
	}
	select {
	case <-e.conn.Done():
	case <-ctx.Done():
	}
}

// Forget ends the connection to the target, and tries a refused login again when
// asked again: a host that boots refuses everyone for a while.
func (p *Pool) Forget(t Target) {
	t = t.withDefaults()
	p.mu.Lock()
	e := p.entries[t.key()]
	delete(p.entries, t.key())
	p.mu.Unlock()
	if e == nil {
		return
	}
	select {
	case <-e.ready:
		if e.conn != nil {
			_ = e.conn.Close()
		}
	default:
		e.cancel()
	}
}

// run connects and then stays until the connection ends.
func (p *Pool) run(ctx context.Context, key string, t Target, e *entry) {
	defer e.cancel()
	conn, err := p.establish(ctx, t)
	p.mu.Lock()
	e.conn, e.err = conn, err
	if err != nil && !errors.Is(err, ErrAuthFailed) && p.entries[key] == e {
		delete(p.entries, key)
	}
	close(e.ready)
	p.mu.Unlock()
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { conn.close(context.Cause(ctx)) })
	defer stop()
	<-conn.Done()
	p.mu.Lock()
	if p.entries[key] == e {
		delete(p.entries, key)
	}
	p.mu.Unlock()
	conn.wg.Wait()
}

// Close ends every attempt and connection and waits for their goroutines.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel(ErrClosed)
	p.wg.Wait()
	p.agentOnce.Do(func() {})
	if p.agentConn != nil {
		_ = p.agentConn.Close()
	}
	return nil
}

// known returns what the files say, read once per pool.
func (p *Pool) known(files []string) (*hostkey.DB, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := strings.Join(files, "\x00")
	if db, ok := p.dbs[key]; ok {
		return db, nil
	}
	db, err := hostkey.Load(files...)
	if err == nil {
		p.dbs[key] = db
	}
	return db, err
}

// agentSigners are the keys of ssh-agent, asked for once.
func (p *Pool) agentSigners() ([]gossh.Signer, error) {
	p.agentOnce.Do(func() {
		if p.opts.AgentSocket == "" {
			return
		}
		conn, err := (&net.Dialer{}).DialContext(p.ctx, "unix", p.opts.AgentSocket)
		if err != nil {
			p.agentErr = err
			return
		}
		p.agentConn = conn
		defer context.AfterFunc(p.ctx, func() { _ = conn.Close() })()
		p.agentKeys, p.agentErr = agent.NewClient(conn).Signers()
	})
	return p.agentKeys, p.agentErr
}

// ask asks the person, one question at a time.
func (p *Pool) ask(ctx context.Context, q Question) (secret.Value, error) {
	if p.opts.Prompt == nil {
		return secret.Value{}, errors.New("nobody can be asked")
	}
	p.askers.Add(1)
	defer p.askers.Add(-1)
	p.asking.Lock()
	defer p.asking.Unlock()
	return p.opts.Prompt(ctx, q)
}
