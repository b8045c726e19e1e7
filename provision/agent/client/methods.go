package client

import (
	"context"
	"errors"
	"fmt"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/internal/wire"
)

// call adds the host to errors. A request that takes longer than any that makes
// sense, or of which the agent says nothing, ends the session: the host hangs,
// and what else is asked of it would only hang, too.
func call[R any](ctx context.Context, s *Session, method string, params any) (R, error) {
	var result R
	limit := s.limits.of(method)
	within, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w to %s within %s", errHangs, method, limit))
	defer cancel()
	err := s.conn.Call(within, method, params, &result)
	switch why := s.given.Load(); {
	case err == nil:
		return result, nil
	case ctx.Err() != nil:
	case errors.Is(err, errHangs) || errors.Is(err, wire.ErrQuiet):
		s.giveUp(err)
		err = fmt.Errorf("%w; the host hangs, or something there does: look at its disks and at the kernel's log (dmesg), reboot it, or take it out of the inventory", err)
	case why != nil && errors.Is(err, wire.ErrClosed):
		err = fmt.Errorf("given up before: %w", *why)
	case errors.Is(err, wire.ErrClosed) && s.conn.Err() == nil && !s.ends.asked.Load():
		err = fmt.Errorf("%w: the host was cut off, its agent was killed, or it speaks something else than our agent", err)
	}
	return result, fmt.Errorf("%s: %w", s.process.Host, err)
}

// sensible names the host in what is wrong with its answer.
func (s *Session) sensible(err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", s.process.Host, err)
	}
	return nil
}

// Facts asks what the host is, and which of the paths exist there.
func (s *Session) Facts(ctx context.Context, paths ...string) (facts.Host, error) {
	host, err := call[facts.Host](ctx, s, api.MethodFacts, api.FactsParams{Paths: paths})
	if err == nil {
		err = s.sensible(checkFacts(host, paths))
	}
	return host, err
}

// Plan asks what differs.
func (s *Session) Plan(ctx context.Context, params api.PlanParams) (api.PlanResult, error) {
	result, err := call[api.PlanResult](ctx, s, api.MethodPlan, params)
	if err == nil {
		err = s.sensible(checkPlan(result, params))
	}
	return result, err
}

// Lock asks for the host's lock, which the session then holds until it ends.
func (s *Session) Lock(ctx context.Context, params api.LockParams) (api.LockResult, error) {
	return call[api.LockResult](ctx, s, api.MethodLock, params)
}

// Await waits until there is reason to ask again for a lock that was refused.
func (s *Session) Await(ctx context.Context, params api.AwaitParams) error {
	_, err := call[api.Empty](ctx, s, api.MethodAwait, params)
	return err
}

// Apply makes one resource so.
func (s *Session) Apply(ctx context.Context, params api.ApplyParams) (api.ApplyResult, error) {
	return call[api.ApplyResult](ctx, s, api.MethodApply, params)
}

// Remove puts back what stood before a resource was first applied.
func (s *Session) Remove(ctx context.Context, params api.RemoveParams) (api.ApplyResult, error) {
	return call[api.ApplyResult](ctx, s, api.MethodRemove, params)
}

// Identity does one act of the birth or the copy of an identity.
func (s *Session) Identity(ctx context.Context, params api.IdentityParams) (api.IdentityResult, error) {
	return call[api.IdentityResult](ctx, s, api.MethodIdentity, params)
}

// Sign asks for a certificate of a CA whose key is on this host.
func (s *Session) Sign(ctx context.Context, request system.SignRequest) ([]byte, error) {
	result, err := call[api.SignResult](ctx, s, api.MethodSign, request)
	return result.Certificate, err
}

// Roster writes who belongs to the cluster.
func (s *Session) Roster(ctx context.Context, roster facts.Roster) error {
	_, err := call[api.Empty](ctx, s, api.MethodRoster, roster)
	return err
}

// Snapshot keeps etcd's data as they are.
func (s *Session) Snapshot(ctx context.Context, params api.SnapshotParams) (api.SnapshotResult, error) {
	result, err := call[api.SnapshotResult](ctx, s, api.MethodSnapshot, params)
	if err == nil {
		err = s.sensible(checkSnapshot(result))
	}
	return result, err
}

// Trial does one act of the trial of units with new settings.
func (s *Session) Trial(ctx context.Context, params api.TrialParams) (api.TrialResult, error) {
	return call[api.TrialResult](ctx, s, api.MethodTrial, params)
}

// Commit ends an apply on the host.
func (s *Session) Commit(ctx context.Context) error {
	_, err := call[api.Empty](ctx, s, api.MethodCommit, api.Empty{})
	return err
}

// History reads and writes the records of runs that the host keeps.
func (s *Session) History(ctx context.Context, params api.HistoryParams) (api.HistoryResult, error) {
	result, err := call[api.HistoryResult](ctx, s, api.MethodHistory, params)
	if err == nil {
		err = s.sensible(checkHistory(result, params))
	}
	return result, err
}

// Journal asks for the last lines of a unit's log.
func (s *Session) Journal(ctx context.Context, unit string, lines int) ([]string, error) {
	result, err := call[api.JournalResult](ctx, s, api.MethodJournal, api.JournalParams{Unit: unit, Lines: lines})
	return result.Lines, err
}

// Probe waits until a URL of the host answers 200.
func (s *Session) Probe(ctx context.Context, params api.ProbeParams) (api.ProbeResult, error) {
	return call[api.ProbeResult](ctx, s, api.MethodProbe, params)
}
