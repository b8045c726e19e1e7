package ssh

import (
	"context"
	"errors"
	"fmt"
)

// What went wrong, for errors.Is.
var (
	ErrUnreachable    = errors.New("host unreachable")
	ErrAuthFailed     = errors.New("login refused")
	ErrHostKeyUnknown = errors.New("host key unknown")
	ErrHostKeyChanged = errors.New("host key changed")
	ErrHostKeyRevoked = errors.New("host key revoked")
	ErrConnectionLost = errors.New("connection lost")
	ErrSilent         = errors.New("no answer")
	ErrClosed         = errors.New("connection pool closed")
	ErrNoSudo         = errors.New("cannot become root") // each of the next four is one, too
	ErrSudoPassword   = fmt.Errorf("%w: sudo needs a password", ErrNoSudo)
	ErrSudoDenied     = fmt.Errorf("%w: the user may not use sudo", ErrNoSudo)
	ErrSudoMissing    = fmt.Errorf("%w: sudo is not installed", ErrNoSudo)
	ErrSudoTTY        = fmt.Errorf("%w: sudo wants a terminal", ErrNoSudo)
)

// Error is a failure to reach or use one host.
type Error struct {
	Host    string // name in the inventory
	Address string // address and port
	Kind    error  // one of the Err… values
	Detail  string // what was seen
	Remedy  string // what to do
	Cause   error  // may be nil
}

// Error implements error: "cannot X: reason; do Y", with host and address.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s (%s): %s", e.Host, e.Address, e.Kind)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// Unwrap makes both the kind and the cause visible to errors.Is.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

func (t Target) fail(kind error, detail, remedy string, cause error) *Error {
	name := t.Name
	if name == "" {
		name = t.Address
	}
	return &Error{Host: name, Address: t.Endpoint(), Kind: kind, Detail: detail, Remedy: remedy, Cause: cause}
}

// givenUp is a connection that the caller no longer waits for.
func (t Target) givenUp(ctx context.Context) *Error {
	cause := context.Cause(ctx)
	return t.fail(ErrUnreachable, fmt.Sprintf("given up while connecting: %v", cause), "", cause)
}

// ExitError is a command that ran and failed.
type ExitError struct {
	Command string
	Code    int    // 128 + n when a signal ended it
	Signal  string // "KILL", …; "" when it exited
	Stderr  string // tail
}

// Error implements error.
func (e *ExitError) Error() string {
	text := fmt.Sprintf("running %s: exit code %d", e.Command, e.Code)
	if e.Signal != "" {
		text = fmt.Sprintf("running %s: killed by signal %s", e.Command, e.Signal)
	}
	if e.Stderr != "" {
		text += "\n" + e.Stderr
	}
	return text
}
