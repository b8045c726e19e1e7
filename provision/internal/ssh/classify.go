package ssh

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	gossh "golang.org/x/crypto/ssh"

	"provision/provision/internal/ssh/hostkey"
)

// dialError says why no connection came about.
func (l *login) dialError(ctx context.Context, err error) error {
	t := l.target
	var refused *gossh.OpenChannelError
	switch {
	case ctx.Err() != nil:
		return t.givenUp(ctx)
	case errors.As(err, &refused) && refused.Reason == gossh.Prohibited:
		return t.fail(ErrUnreachable, "the bastion forbids forwarding",
			"set AllowTcpForwarding yes in its sshd_config", err)
	case errors.As(err, &refused):
		return t.fail(ErrUnreachable, "the bastion cannot reach it: "+refused.Message, "", err)
	case errors.Is(err, context.DeadlineExceeded):
		return t.fail(ErrUnreachable, fmt.Sprintf("no answer within %s", t.ConnectTimeout),
			"check that the host is up and the address right", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return t.fail(ErrUnreachable, "connection refused", "check that sshd runs and the port is right", err)
	}
	return t.fail(ErrUnreachable, err.Error(), "", err)
}

// classify says why the login failed.
func (l *login) classify(ctx context.Context, err error) error {
	t := l.target
	var none *gossh.AlgorithmNegotiationError
	switch {
	case l.keyErr != nil:
		return l.hostKeyError()
	case ctx.Err() != nil || l.timedOut.Load():
		return l.late(ctx, err)
	case errors.As(err, &none) && strings.Contains(none.What, "host key"):
		l.keyErr = &hostkey.ChangedError{Want: l.wanted()}
		return l.hostKeyError()
	case l.askErr != nil:
		return t.fail(ErrAuthFailed, l.authDetail()+": "+l.askErr.Error(), l.authRemedy(), err)
	case authRefused(err):
		return t.fail(ErrAuthFailed, l.authDetail(), l.authRemedy(), err)
	}
	return t.fail(ErrUnreachable, err.Error(), "", err)
}

// late is a login that was given up, by the caller or for the time it took.
func (l *login) late(ctx context.Context, err error) error {
	t := l.target
	if ctx.Err() != nil {
		return t.givenUp(ctx)
	}
	return t.fail(ErrUnreachable, fmt.Sprintf("login not finished within %s", t.ConnectTimeout),
		fmt.Sprintf("check that the host is not overloaded, and that the home folder of %s answers (NFS): sshd reads its authorized_keys", t.User), err)
}

// authRefused recognises a refused login; the library has no type for it.
func authRefused(err error) bool {
	text := err.Error()
	return strings.Contains(text, "unable to authenticate") ||
		strings.Contains(text, "Too many authentication failures") ||
		strings.Contains(text, "disconnect, reason 14")
}

func (l *login) wanted() []string {
	if !l.checker.Pin.Empty() {
		return []string{l.checker.Pin.String()}
	}
	return []string{"a key of type " + strings.Join(l.checker.Algorithms(), ", ")}
}

func (l *login) hostKeyError() error {
	t := l.target
	var changed *hostkey.ChangedError
	var unknown *hostkey.UnknownError
	var revoked *hostkey.RevokedError
	switch {
	case errors.As(l.keyErr, &unknown):
		return t.fail(ErrHostKeyUnknown, l.keyErr.Error(),
			fmt.Sprintf("compare the fingerprint with the host's own, then run `provision hostkeys scan` and `provision hostkeys accept %s`", t.Name), l.keyErr)
	case errors.As(l.keyErr, &changed):
		return t.fail(ErrHostKeyChanged, l.keyErr.Error(),
			fmt.Sprintf("if the host was reinstalled, run `provision hostkeys accept %s --replaced`; if not, someone may be in between", t.Name), l.keyErr)
	case errors.As(l.keyErr, &revoked):
		return t.fail(ErrHostKeyRevoked, l.keyErr.Error(), "give the host a new key, then accept that", l.keyErr)
	}
	return t.fail(ErrHostKeyUnknown, l.keyErr.Error(), "check the host's certificate and known_hosts", l.keyErr)
}

func (l *login) authDetail() string {
	if len(l.offered) == 0 {
		return fmt.Sprintf("user %s, no key or password to offer", l.target.User)
	}
	return fmt.Sprintf("user %s, tried %s", l.target.User, strings.Join(l.offered, ", "))
}

func (l *login) authRemedy() string {
	return "check the user, and that one of the keys is in the host's authorized_keys"
}
