package client

import (
	"cmp"
	"errors"
	"time"

	"provision/provision/agent/api"
	"provision/provision/internal/wire"
)

// Limits are how long requests may take. They end sessions with hosts that
// hang, and are far above what slow hosts need.
type Limits struct {
	// Look bounds requests that only look at the host, or do something short.
	Look time.Duration
	// Change bounds a change: packages are installed, images imported.
	Change time.Duration
	// Quiet bounds the time without a word of the agent that it is at work on
	// the request.
	Quiet time.Duration
}

// The usual limits. A host that answers in minutes takes part.
const (
	usualLook   = 10 * time.Minute
	usualChange = time.Hour
)

// errHangs is returned for requests that were given up.
var errHangs = errors.New("no answer")

func (l Limits) orUsual() Limits {
	return Limits{
		Look: cmp.Or(l.Look, usualLook), Change: cmp.Or(l.Change, usualChange), Quiet: cmp.Or(l.Quiet, wire.Quiet),
	}
}

func (l Limits) of(method string) time.Duration {
	if method == api.Apply.Name || method == api.Remove.Name {
		return l.Change
	}
	return l.Look
}

// giveUp ends the session with a host that hangs, without waiting for its agent.
func (s *Session) giveUp(why error) {
	s.given.CompareAndSwap(nil, &why)
	s.conn.End()
	_ = s.mux.Close()
}
