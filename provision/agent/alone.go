package agent

import (
	"context"
	"time"

	"provision/provision/agent/api"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// Alone is an agent without an operator: it does what it does as in a run, under
// the host's lock and with its records.
type Alone struct{ s *session }

// NewAlone returns one that holds no lock yet. Close gives the lock back.
func NewAlone(options Options) *Alone {
	s := newSession(options)
	s.beat.silent = func() time.Duration { return 0 }
	return &Alone{s}
}

// System is the host.
func (a *Alone) System() *system.System { return a.s.sys }

// State is what the ledger says.
func (a *Alone) State() (ledger.State, error) { return a.s.state() }

// Kind is one of the kinds of the options.
func (a *Alone) Kind(name string) (resource.Kind[*system.System], error) { return a.s.kind(name) }

// Sign issues a certificate with a CA whose key is on this host.
func (a *Alone) Sign(ctx context.Context, request system.SignRequest) ([]byte, error) {
	result, err := a.s.sign(ctx, request)
	return result.Certificate, err
}

// Lock asks for the host's lock.
func (a *Alone) Lock(ctx context.Context, params api.LockParams) (api.LockResult, error) {
	return a.s.lock(ctx, params)
}

// Apply makes one resource so.
func (a *Alone) Apply(ctx context.Context, epoch uint64, r resource.Resource) error {
	_, err := a.s.apply(ctx, api.ApplyParams{Epoch: epoch, Resource: r})
	return err
}

// Act does what the record of a unit asks for, and says what that was.
func (a *Alone) Act(ctx context.Context, epoch uint64, unit string) (did string, err error) {
	held, err := a.s.writer(epoch)
	if err != nil {
		return "", err
	}
	return a.s.act(ctx, held, unit)
}

// Probe waits until a URL of the host answers 200.
func (a *Alone) Probe(ctx context.Context, params api.ProbeParams) error {
	_, err := a.s.host.Probe(ctx, params)
	return err
}

// Close ends it.
func (a *Alone) Close() error { return a.s.close() }
