package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// settling is for how long after a start that systemd did by itself a unit is not
// taken to work: it may be ending again and again.
const settling = 10 * time.Second

// trialGap lies between looks at a unit on trial: systemd tells changes, but not
// that there was none.
const trialGap = 100 * time.Millisecond

// kept is what stood in the place of a resource when the units that read it were
// last seen to work.
type kept struct {
	Resource string          `json:"resource"` // address
	State    json.RawMessage `json:"state"`
	Units    []string        `json:"units"`
	// Passed are those of the units that work with what is new.
	Passed []string `json:"passed,omitempty"`
}

// spares are read from disk each time: they are few, and rare.
func (s *session) spares() ([]kept, error) {
	raw, err := s.sys.Files.ReadFile(system.SparesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what units ran with: %w", err)
	}
	var list []kept
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("reading what units ran with: %s is damaged: %w; remove it: units that do not come up with new settings are then not put back", system.SparesFile, err)
	}
	return list, nil
}

func (s *session) storeSpares(list []kept) error {
	if len(list) == 0 {
		return s.sys.Files.Remove(system.SparesFile)
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("keeping what units run with: %w", err)
	}
	return s.sys.Files.WriteFile(system.SparesFile, strings.NewReader(string(raw)), system.Attr{Mode: 0o600})
}

// keep notes what a change is about to replace, if one of the units works with it,
// or is on trial already: then this was there before the trial too. What is kept
// already is older, and stays.
func (s *session) keep(ctx context.Context, kind resource.Kind[*system.System], want resource.Resource, have json.RawMessage, units []string) error {
	if len(units) == 0 || kind.Irreversible() {
		return nil
	}
	defer s.sys.Lock("spares")()
	list, err := s.spares()
	if err != nil {
		return err
	}
	var tried []string
	for _, unit := range units {
		works, err := s.works(ctx, unit)
		if err != nil {
			return err
		}
		if works || onTrial(list, unit) {
			tried = append(tried, unit)
		}
	}
	at := slices.IndexFunc(list, func(one kept) bool { return one.Resource == want.Address.String() })
	switch {
	case len(tried) == 0:
		return nil
	case at >= 0:
		list[at].Units, list[at].Passed = union(list[at].Units, tried), nil
	default:
		state, err := kind.Keep(ctx, s.sys, want.Address.Name, have)
		if err != nil {
			return fmt.Errorf("keeping what is there: %w", err)
		}
		list = append(list, kept{Resource: want.Address.String(), State: state, Units: tried})
	}
	return s.storeSpares(list)
}

func onTrial(list []kept, unit string) bool {
	return slices.ContainsFunc(list, func(one kept) bool { return slices.Contains(one.Units, unit) })
}

func union(a, b []string) []string {
	for _, each := range b {
		if !slices.Contains(a, each) {
			a = append(slices.Clip(a), each)
		}
	}
	return a
}

// works reports whether a unit runs and has not just been started by systemd
// itself, after it ended.
func (s *session) works(ctx context.Context, unit string) (bool, error) {
	status, err := s.sys.Units.Status(ctx, unit)
	if err != nil {
		return false, fmt.Errorf("looking at unit %s: %w", unit, err)
	}
	if !running(status) || status.ActiveState == "activating" {
		return false, nil
	}
	if s.sys.Now().Sub(status.Since) > settling {
		return true, nil
	}
	service, err := s.sys.Units.Service(ctx, unit)
	if err != nil {
		return false, fmt.Errorf("looking at unit %s: %w", unit, err)
	}
	return service.Restarts == 0, nil
}

// ills are those of the running units that do not work.
func (s *session) ills(ctx context.Context, units []string) (list []string, err error) {
	for _, unit := range units {
		works, err := s.works(ctx, unit)
		if err != nil {
			return nil, err
		}
		if !works {
			list = append(list, unit)
		}
	}
	return list, nil
}

// unproven are the units on trial. They are among what is to be restarted: a run
// that was killed did not come to see whether they work.
func (s *session) unproven() (map[string]string, error) {
	list, err := s.spares()
	var units map[string]string
	for _, one := range list {
		for _, unit := range one.Units {
			if slices.Contains(one.Passed, unit) {
				continue
			}
			if units == nil {
				units = map[string]string{}
			}
			units[unit] = one.Resource
		}
	}
	return units, err
}

// resume has a unit on trial restart once more.
func (s *session) resume(ctx context.Context, held *ledger.Ledger, unit string) error {
	units, err := s.unproven()
	cause, on := units[unit]
	if err != nil || !on {
		return err
	}
	return s.announceUnit(ctx, held, cause, unit, string(resource.Restart))
}

func (s *session) trial(ctx context.Context, params api.TrialParams) (result api.TrialResult, err error) {
	if len(params.Units) == 0 {
		return result, badRequest("a trial of no unit")
	}
	if params.Act == api.TrialWatch {
		return result, s.watch(ctx, params)
	}
	held, err := s.writer(params.Epoch)
	if err != nil {
		return result, err
	}
	switch params.Act {
	case api.TrialPass:
		return result, s.pass(params.Units)
	case api.TrialRevert:
		return s.revert(ctx, held, params)
	}
	return result, badRequest("unknown act %q of a trial", params.Act)
}

// watch waits until a unit works, and stays what it is for a while: one that ends
// again and again is running at moments.
func (s *session) watch(ctx context.Context, params api.TrialParams) error {
	unit := params.Units[0]
	ask, err := s.asks(params.URL)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, params.Within, errors.New("it took longer than "+params.Within.String()))
	defer cancel()
	first, missing := "", "it does not run"
	for {
		status, err := s.sys.Units.Status(ctx, unit)
		switch {
		case ctx.Err() != nil:
			return &api.Error{Code: api.CodeFailed, Message: fmt.Sprintf("%s does not work: %s (%v)", unit, missing, context.Cause(ctx))}
		case err != nil:
			return fmt.Errorf("looking at unit %s: %w", unit, err)
		case first != "" && status.InvocationID != first, status.ActiveState == "failed", status.SubState == "auto-restart":
			return &api.Error{Code: api.CodeFailed, Message: unit + " ended after it was started"}
		case running(status) && status.ActiveState != "activating":
			first = status.InvocationID
			if err := ask(ctx); err != nil {
				missing = err.Error()
			} else if missing = "it started a moment ago"; s.sys.Now().Sub(status.Since) >= params.Steady {
				return nil
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(trialGap):
		}
	}
}

// asks is how to ask a unit whether it works; one without a URL always does.
func (s *session) asks(url string) (func(context.Context) error, error) {
	switch {
	case url == "":
		return func(context.Context) error { return nil }, nil
	case s.options.Ask != nil:
		return func(ctx context.Context) error { return s.options.Ask(ctx, url) }, nil
	}
	p, err := s.prober(api.ProbeParams{URL: url})
	return p.ask, err
}

// pass forgets what was kept for units, once all that read it work.
func (s *session) pass(units []string) error {
	defer s.sys.Lock("spares")()
	list, err := s.spares()
	if err != nil || len(list) == 0 {
		return err
	}
	var left []kept
	for _, one := range list {
		one.Passed = union(one.Passed, units)
		if slices.ContainsFunc(one.Units, func(unit string) bool { return !slices.Contains(one.Passed, unit) }) {
			left = append(left, one)
		}
	}
	return s.storeSpares(left)
}
