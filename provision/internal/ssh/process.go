package ssh

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh/shell"
)

// StartOptions say how a command runs.
type StartOptions struct {
	// Sudo runs the command as root if the target says so; a target whose user
	// is root, or that has Sudo off, runs it as it is.
	Sudo bool
}

// Process is a command running on a host. Read Stdout to its end.
type Process struct {
	Stdin  io.WriteCloser
	Stdout io.Reader

	conn    *Conn
	session *gossh.Session
	command string
	sudo    bool
	stderr  *watcher
	done    chan struct{} // closed when err is set
	err     error

	killOnce sync.Once
	killed   chan struct{}
	cause    error // why it was killed
}

// Start runs argv on the host; ctx bounds the life of the process, as with
// exec.CommandContext. With sudo and a password it returns when the password
// was accepted: what is written to Stdin reaches the command only.
func (c *Conn) Start(ctx context.Context, argv []string, opts StartOptions) (*Process, error) {
	nonce, err := c.nonce()
	if err != nil {
		return nil, err
	}
	command, _ := shell.Join(argv)
	password := opts.Sudo && c.target.Sudo && !c.target.SudoPassword.Empty()
	if password {
		argv = shell.Say(nonce+markEnd, shell.Ready, argv)
	}
	p, err := c.start(ctx, argv, command, nonce, opts.Sudo)
	if err == nil && password {
		_, err = p.awaitReady(ctx, nil)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (c *Conn) nonce() (string, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(c.pool.opts.Rand, raw); err != nil {
		return "", fmt.Errorf("making a nonce: %w", err)
	}
	return hex.EncodeToString(raw), nil
}

// start opens an exec channel. The command is what messages call it.
func (c *Conn) start(ctx context.Context, argv []string, command, nonce string, sudo bool) (*Process, error) {
	sudo = sudo && c.target.Sudo
	if sudo {
		argv = shell.Say(nonce+markEnd, shell.Shell, c.sudoArgv(nonce, argv))
	}
	line, err := shell.Join(argv)
	if err != nil {
		return nil, err
	}
	if err := c.acquire(ctx); err != nil {
		return nil, fmt.Errorf("opening a channel to %s: %w", c.target, err)
	}
	p := &Process{
		conn: c, command: command, sudo: sudo,
		stderr: newWatcher(nonce),
		done:   make(chan struct{}), killed: make(chan struct{}),
	}
	opened := make(chan error, 1)
	c.wg.Go(func() {
		defer c.release()
		err := p.open(line)
		opened <- err
		if err == nil {
			p.reap()
		}
	})
	timer := time.NewTimer(c.patience())
	defer timer.Stop()
	select {
	case err = <-opened:
	case <-timer.C:
		err = c.silent(phaseOpen, "")
		p.abandon(opened)
		return nil, err
	case <-ctx.Done():
		p.abandon(opened)
		return nil, fmt.Errorf("opening a channel to %s: %w", c.target, context.Cause(ctx))
	}
	if err != nil {
		if lost := c.Err(); lost != nil {
			err = lost
		}
		return nil, fmt.Errorf("opening a channel to %s: %w", c.target, err)
	}
	stop := context.AfterFunc(ctx, func() { p.kill(context.Cause(ctx)) })
	c.wg.Go(func() { <-p.done; stop() })
	return p, nil
}

// abandon ends a channel that the server opens after all.
func (p *Process) abandon(opened <-chan error) {
	p.conn.wg.Go(func() {
		if <-opened == nil {
			_ = p.session.Close()
		}
	})
}

func (p *Process) open(line string) error {
	p.conn.opened.Add(1)
	session, err := p.conn.client.NewSession()
	if err != nil {
		return err
	}
	p.session = session
	session.Stderr = p.stderr
	if p.Stdin, err = session.StdinPipe(); err == nil {
		p.Stdout, err = session.StdoutPipe()
	}
	if err == nil {
		err = session.Start(line)
	}
	if err != nil {
		_ = session.Close()
	}
	return err
}

// reap waits for the end of the command and gives the channel back.
func (p *Process) reap() {
	err := p.session.Wait()
	_ = p.session.Close()
	p.stderr.finish()
	p.err = p.explain(err)
	close(p.done)
}

// explain turns the library's errors into ours.
func (p *Process) explain(err error) error {
	var exit *gossh.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		failed := &ExitError{
			Command: p.command, Code: exit.ExitStatus(), Signal: exit.Signal(), Stderr: p.stderr.text(),
		}
		if p.sudo {
			if refused := p.conn.sudoError(failed, p.stderr); refused != nil {
				return refused
			}
		}
		return failed
	}
	if lost := p.conn.Err(); lost != nil {
		return lost
	}
	return p.conn.target.fail(ErrConnectionLost, "running "+p.command+": the channel closed without an exit code", "", err)
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end: nil, *ExitError, or why the host cannot say.
func (p *Process) Wait() error {
	select {
	case <-p.done:
	case <-p.killed:
		select {
		case <-p.done: // it had ended before
		default:
			return fmt.Errorf("running %s on %s: %w", p.command, p.conn.target, p.cause)
		}
	}
	return p.err
}

// Stderr is the tail of the standard error so far.
func (p *Process) Stderr() string { return p.stderr.text() }

// errKilled is the cause after Kill.
var errKilled = errors.New("killed")

// Kill closes the channel and signals the process. sshd does not signal root's
// processes, sudo's neither: those see the end of their standard input, so what
// runs as root must end with it.
func (p *Process) Kill() { p.kill(errKilled) }

func (p *Process) kill(cause error) {
	p.killOnce.Do(func() {
		select {
		case <-p.done:
			return
		default:
		}
		p.cause = cause
		close(p.killed)
		// Sending blocks on a dead link; the connection's end frees it.
		p.conn.wg.Go(func() {
			_ = p.session.Signal(gossh.SIGKILL)
			_ = p.session.Close()
		})
	})
}
