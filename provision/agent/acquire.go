package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"provision/provision/internal/lease"
	"provision/provision/internal/ledger"
)

// settleTime is how long who has the lock may be unknown: it is being taken, or
// let go.
const settleTime = lease.Patience + time.Second

// settleEvery is how often is looked meanwhile: locks and processes that end
// tell nobody.
const settleEvery = 20 * time.Millisecond

// heldError says that another session has the lock.
type heldError struct {
	holder ledger.Holder
	silent time.Duration
}

func (e *heldError) Error() string { return "the host is locked by " + e.holder.Name }

// acquire takes the host's lock, or says at once who has it. Sessions that must
// be over by now, but whose process still is there (suspended, or hung), are
// ended first.
func (s *session) acquire(ctx context.Context, holder ledger.Holder) (*ledger.Ledger, error) {
	mine, err := s.beat.begin(holder.Epoch)
	if err != nil {
		return nil, err
	}
	holder.Lease = mine
	held, err := s.contend(ctx, holder)
	if err != nil {
		s.beat.end()
	}
	return held, err
}

func (s *session) contend(ctx context.Context, holder ledger.Holder) (*ledger.Ledger, error) {
	giveUp := time.NewTimer(settleTime)
	defer giveUp.Stop()
	ticker := time.NewTicker(settleEvery)
	defer ticker.Stop()
	for {
		held, err := ledger.Open(s.dir, holder)
		var taken *ledger.HeldError
		if !errors.As(err, &taken) {
			return held, err
		}
		ended, other, err := s.others(ctx, taken.Holder)
		if err != nil || other != nil {
			return nil, errors.Join(err, asError(other))
		}
		if ended {
			continue
		}
		select {
		case <-ticker.C:
		case <-giveUp.C:
			return nil, &heldError{holder: taken.Holder}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func asError(other *heldError) error {
	if other == nil {
		return nil
	}
	return other
}

// others ends sessions whose time is over, and finds the one that has the lock.
func (s *session) others(ctx context.Context, holder ledger.Holder) (ended bool, _ *heldError, _ error) {
	entries, err := lease.List(s.beat.dir)
	if err != nil {
		return false, nil, err
	}
	now := lease.Clock()
	for _, e := range entries {
		switch running := e.Process.Running(); {
		case running && e.Expired(now) && s.options.Scope != nil:
			if err := s.options.Scope.End(ctx, e); err != nil {
				return false, nil, fmt.Errorf("taking over from a run that is over: %w", err)
			}
			ended = true
		case running && e.ID == holder.Lease && !e.Over && !ended:
			return false, &heldError{holder: holder, silent: now - e.Heard}, nil
		}
	}
	return ended, nil, nil
}
