package ssh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"provision/provision/internal/ssh/shell"
)

// sudoArgv puts sudo before argv. The C locale makes its messages ones that
// sudoError knows. -k ignores a remembered login, so that the same happens each
// time. The password never is in argv: see awaitReady.
func (c *Conn) sudoArgv(nonce string, argv []string) []string {
	prefix := []string{"env", "LC_ALL=C", "sudo", "-n", "--"}
	if !c.target.SudoPassword.Empty() {
		prefix = []string{"env", "LC_ALL=C", "sudo", "-k", "-S", "-p", nonce + promptEnd, "--"}
	}
	return append(prefix, argv...)
}

// awaitReady answers sudo's question for the password, if it asks, and waits
// until the command itself is about to run. Only when asked is the password
// written: a host that asks nothing would pass it on to the command. It returns
// what the script says, or why the process ended, or at which point it has said
// nothing for too long; each word heard, and each beat, begins the wait anew.
func (p *Process) awaitReady(ctx context.Context, beat <-chan struct{}) (event, error) {
	limit, at, asked := p.conn.patience(), phaseShell, false
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		for e, ok := p.stderr.next(); ok; e, ok = p.stderr.next() {
			timer.Reset(limit)
			if e.counts() {
				return e, nil
			}
			if err := p.answer(e, asked); err != nil {
				return event{}, err
			}
			asked, at = asked || e.prompt, phaseSudo
			if e.word == shell.Root {
				at = phaseDisk
			}
		}
		select {
		case <-p.stderr.wake:
		case <-beat:
			at = phaseDisk
			timer.Reset(limit + sending)
		case <-timer.C:
			p.kill(errKilled)
			return event{}, p.conn.silent(at, p.printed())
		case <-p.done:
			for e, ok := p.stderr.next(); ok; e, ok = p.stderr.next() {
				if e.counts() {
					return e, nil
				}
			}
			return event{}, cmp.Or(p.err, fmt.Errorf("running %s on %s: it ended before it began", p.command, p.conn.target))
		case <-ctx.Done():
			p.kill(context.Cause(ctx))
			return event{}, fmt.Errorf("starting %s on %s: %w", p.command, p.conn.target, context.Cause(ctx))
		}
	}
}

// answer gives sudo the password once.
func (p *Process) answer(e event, asked bool) error {
	switch {
	case e.prompt && asked:
		p.Kill()
		return p.conn.target.fail(ErrSudoPassword, "the sudo password was refused", "check the variable named by sudo_password_env", nil)
	case e.prompt:
		return p.sendPassword()
	}
	return nil
}

func (p *Process) sendPassword() error {
	line := []byte(p.conn.target.SudoPassword.Reveal() + "\n")
	if _, err := p.Stdin.Write(line); err != nil {
		p.Kill()
		return fmt.Errorf("sending the sudo password to %s: %w", p.conn.target, err)
	}
	return nil
}

// errSudo is the cause of each sudo error, with sudo's own words.
type errSudo struct{ words string }

func (e errSudo) Error() string { return e.words }

// sudoError recognises that sudo refused, rather than that the command failed.
func (c *Conn) sudoError(failed *ExitError, w *watcher) error {
	if w.isReady() {
		return nil
	}
	t := c.target
	say := func(kind error, remedy string) error {
		return t.fail(kind, lastLine(failed.Stderr), remedy, errors.Join(errSudo{failed.Stderr}, failed))
	}
	for line := range strings.Lines(failed.Stderr) {
		if remedy, kind := sudoKind(strings.TrimSpace(line), t.User); kind != nil && failed.Code == 1 {
			return say(kind, remedy)
		}
	}
	if failed.Code == 127 && missingSudo(failed.Stderr) {
		return say(ErrSudoMissing, "install sudo, or log in as root")
	}
	return nil
}

func missingSudo(stderr string) bool {
	return strings.Contains(stderr, "env: ") && strings.Contains(stderr, "sudo")
}

// sudoKind knows one line of sudo's own messages.
func sudoKind(line, user string) (remedy string, kind error) {
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(line, part) {
				return true
			}
		}
		return false
	}
	allow := fmt.Sprintf("let it: `%s ALL=(ALL) NOPASSWD: ALL` in a file of /etc/sudoers.d", user)
	ours := strings.HasPrefix(line, "sudo: ") || strings.HasPrefix(line, "Sorry, ") || strings.HasPrefix(line, user+" ")
	switch {
	case !ours:
		return "", nil
	case has("must have a tty"):
		return "remove `Defaults requiretty` from the host's sudoers", ErrSudoTTY
	case has("password is required", "terminal is required", "no password was provided", "incorrect password"):
		return "set sudo_password_env in the ssh block, or " + allow, ErrSudoPassword
	case has("not in the sudoers", "may not run sudo", "not allowed to"):
		return allow, ErrSudoDenied
	case has("no new privileges", "must be owned by uid 0", "effective uid is not 0", "expired", "account validation"):
		return "repair sudo on the host", ErrNoSudo
	}
	return "", nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// isReady reports that a script has spoken, so sudo is through.
func (w *watcher) isReady() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ready
}
