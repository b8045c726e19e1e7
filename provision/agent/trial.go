package agent

import (
	"context"

	"provision/provision/agent/api"
	"provision/provision/internal/ledger"
	"provision/provision/resource"
)

// resume has a unit on trial restart once more.
func (s *session) resume(ctx context.Context, held *ledger.Ledger, unit string) error {
	units, err := s.spares.Unproven()
	cause, on := units[unit]
	if err != nil || !on {
		return err
	}
	return s.announceUnit(ctx, held, cause, unit, string(resource.Restart))
}

func (s *session) trial(ctx context.Context, params api.TrialParams) (result api.TrialResult, err error) {
	if len(params.Units) == 0 {
		return result, api.BadRequest("a trial of no unit")
	}
	if params.Act == api.TrialWatch {
		return result, s.spares.Watch(ctx, params)
	}
	held, err := s.writer(params.Epoch)
	if err != nil {
		return result, err
	}
	switch params.Act {
	case api.TrialPass:
		return result, s.spares.Pass(params.Units)
	case api.TrialRevert:
		return s.spares.Revert(ctx, held.Clear, params)
	}
	return result, api.BadRequest("unknown act %q of a trial", params.Act)
}

// asks is how to ask a unit whether it works; one without a URL always does.
func (s *session) asks(url string) (func(context.Context) error, error) {
	switch {
	case url == "":
		return func(context.Context) error { return nil }, nil
	case s.options.Ask != nil:
		return func(ctx context.Context) error { return s.options.Ask(ctx, url) }, nil
	}
	return s.host.Asker(url)
}
