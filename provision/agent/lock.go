package agent

import (
	"context"
	"errors"
	"fmt"

	"provision/provision/agent/api"
	"provision/provision/agent/hostfacts"
	"provision/provision/agent/keys"
	"provision/provision/facts"
	"provision/provision/internal/lease"
	"provision/provision/internal/ledger"
)

// lock takes the host for this session. It ends with the session.
func (s *session) lock(ctx context.Context, params api.LockParams) (api.LockResult, error) {
	s.locking.Lock()
	defer s.locking.Unlock()
	if params.Epoch == 0 {
		return api.LockResult{}, api.BadRequest("epoch 0 cannot lock")
	}
	state, err := s.state()
	if err != nil {
		return api.LockResult{}, err
	}
	if err := keys.SameCluster(state, params.UUID); err != nil {
		return api.LockResult{}, err
	}
	holder := ledger.Holder{Name: params.Holder, Doing: params.Doing, Since: s.sys.Now().UTC(), Epoch: params.Epoch, Seen: params.Seen, Brief: params.Brief}
	held, err := s.take(ctx, holder)
	var other *heldError
	var stale *ledger.StaleError
	switch {
	case errors.As(err, &other):
		h := other.holder
		return api.LockResult{Holder: h.Name, Doing: h.Doing, Since: h.Since, Brief: h.Brief,
			Silent: other.silent, Free: max(0, lease.Term-other.silent), Epoch: max(h.Epoch, state.Epoch)}, nil
	case errors.As(err, &stale):
		return api.LockResult{Epoch: stale.Epoch}, nil
	case err != nil:
		return api.LockResult{}, err
	}
	if err := s.start(ctx, held, params.Epoch); err != nil {
		s.beat.end()
		return api.LockResult{}, err
	}
	return api.LockResult{Granted: true, Holder: holder.Name, Since: holder.Since, Epoch: params.Epoch}, nil
}

// take opens the ledger, or raises the epoch of one that this session has.
func (s *session) take(ctx context.Context, holder ledger.Holder) (*ledger.Ledger, error) {
	s.mu.Lock()
	held, epoch := s.held, s.epoch
	s.mu.Unlock()
	switch {
	case held == nil:
		return s.acquire(ctx, holder)
	case epoch == holder.Epoch:
		return held, nil
	default:
		return held, held.Raise(holder)
	}
}

// start readies a locked host: nothing of an older session runs any more, and
// an identity that was committed is in its place.
func (s *session) start(ctx context.Context, held *ledger.Ledger, epoch uint64) error {
	s.mu.Lock()
	first := s.held == nil
	s.mu.Unlock()
	if first {
		s.beat.held()
		if s.options.Scope != nil {
			if err := s.options.Scope.Enter(ctx, epoch); err != nil {
				return errors.Join(err, held.Close())
			}
		}
		if err := s.keys.Settle(held.State()); err != nil {
			return errors.Join(err, held.Close())
		}
	}
	s.sys.Point("locked")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.epoch = held, epoch
	return nil
}

// writer returns the ledger if this session may write under the epoch.
func (s *session) writer(epoch uint64) (*ledger.Ledger, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.held == nil:
		return nil, &api.Error{Code: api.CodeLocked, Message: "the host is not locked by this session"}
	case epoch != s.epoch:
		return nil, &api.Error{Code: api.CodeStale, Message: fmt.Sprintf("epoch %d is not the one that holds the lock (%d)", epoch, s.epoch)}
	}
	return s.held, nil
}

// own is writer for calls that carry no epoch: the session's own counts.
func (s *session) own() (*ledger.Ledger, error) {
	s.mu.Lock()
	epoch := s.epoch
	s.mu.Unlock()
	return s.writer(epoch)
}

// state is what the ledger says, locked or not.
func (s *session) state() (ledger.State, error) {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held != nil {
		return held.State(), nil
	}
	return ledger.Read(s.dir)
}

// lockedByOthers reports whether another session has the host's lock.
func (s *session) lockedByOthers() bool {
	s.mu.Lock()
	mine := s.held != nil
	s.mu.Unlock()
	return !mine && ledger.Held(s.dir, hostfacts.Text(s.sys.Files, "/proc/locks")) != nil
}

func (s *session) close() error {
	s.meter.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return nil
	}
	held := s.held
	s.held = nil
	defer s.beat.end()
	// An apply that failed has hashed as much as one that did not.
	return errors.Join(s.sys.Save(), held.Close())
}

func (s *session) roster(_ context.Context, roster facts.Roster) (api.Empty, error) {
	held, err := s.own()
	if err != nil {
		return api.Empty{}, err
	}
	return api.Empty{}, held.SetRoster(roster)
}
