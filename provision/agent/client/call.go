package client

import (
	"context"
	"errors"
	"fmt"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/wire"
)

// Call implements api.Caller, and names the host in errors. A request that takes
// longer than any that makes sense, or of which the agent says nothing, ends the
// session: the host hangs, and what else is asked of it would only hang, too.
func (s *Session) Call(ctx context.Context, method string, params, result any) error {
	limit := s.limits.of(method)
	within, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w to %s within %s", errHangs, method, limit))
	defer cancel()
	err := s.conn.Call(within, method, params, result)
	switch why := s.given.Load(); {
	case err == nil:
		err = sensible(params, result)
	case ctx.Err() != nil:
	case errors.Is(err, errHangs) || errors.Is(err, wire.ErrQuiet):
		s.giveUp(err)
		err = fmt.Errorf("%w; the host hangs, or something there does: look at its disks and at the kernel's log (dmesg), reboot it, or take it out of the inventory", err)
	case why != nil && errors.Is(err, wire.ErrClosed):
		err = fmt.Errorf("given up before: %w", *why)
	case errors.Is(err, wire.ErrClosed) && s.conn.Err() == nil && !s.ends.asked.Load():
		err = fmt.Errorf("%w: the host was cut off, its agent was killed, or it speaks something else than our agent", err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.process.Host, err)
	}
	return nil
}

// sensible checks the answers on which an operator builds.
func sensible(params, result any) error {
	switch r := result.(type) {
	case *facts.Host:
		return checkFacts(*r, params.(api.FactsParams).Paths)
	case *api.PlanResult:
		return checkPlan(*r, params.(api.PlanParams))
	case *api.SnapshotResult:
		return checkSnapshot(*r)
	case *api.RebootResult:
		return checkReboot(*r)
	case *api.HistoryResult:
		return checkHistory(*r, params.(api.HistoryParams))
	}
	return nil
}
