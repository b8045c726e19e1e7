package agent

import (
	"context"
	"fmt"

	"provision/provision/facts"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// triggers is the strongest action by unit.
func triggers(list []resource.Trigger) map[string]string {
	var out map[string]string
	for _, t := range list {
		if out == nil {
			out = map[string]string{}
		}
		out[t.Unit] = stronger(out[t.Unit], string(t.Action))
	}
	return out
}

func unitsOf(list []resource.Trigger) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.Unit)
	}
	return out
}

func stronger(a, b string) string {
	if a == string(resource.Restart) {
		return a
	}
	return b
}

// running reports whether a process of the unit may have read the old input.
func running(status system.UnitStatus) bool {
	if status.InvocationID == "" {
		return false
	}
	switch status.ActiveState {
	case "active", "activating", "reloading", "refreshing":
		return true
	}
	return false
}

// open reports whether a record still asks for something.
func open(status system.UnitStatus, record facts.Restart) bool {
	return running(status) && status.InvocationID == record.Invocation
}

// announce opens the records of running units whose input is about to change.
func (s *session) announce(ctx context.Context, held *ledger.Ledger, cause string, actions map[string]string) error {
	for unit, action := range actions {
		if err := s.announceUnit(ctx, held, cause, unit, action); err != nil {
			return err
		}
	}
	return nil
}

// announceUnit never weakens an open record: inputs that change at once take
// turns.
func (s *session) announceUnit(ctx context.Context, held *ledger.Ledger, cause, unit, action string) error {
	defer s.records.alone(unit)()
	status, err := s.sys.Units.Status(ctx, unit)
	if err != nil {
		return fmt.Errorf("looking at unit %s: %w", unit, err)
	}
	if !running(status) {
		return nil
	}
	record := facts.Restart{Invocation: status.InvocationID, Action: action, Cause: cause}
	known, ok := held.State().Restarts[unit]
	if ok && open(status, known) {
		record.Action = stronger(known.Action, action)
		if known.Action == record.Action {
			return nil
		}
	}
	return held.Restart(unit, record)
}

// act restarts or reloads a unit if its record is still open, and closes the
// record. No input of the unit changes meanwhile: changes share its lock.
func (s *session) act(ctx context.Context, held *ledger.Ledger, unit string) (string, error) {
	defer s.units.alone(unit)()
	record, ok := held.State().Restarts[unit]
	if !ok {
		return "", nil
	}
	status, err := s.sys.Units.Status(ctx, unit)
	if err != nil {
		return "", fmt.Errorf("looking at unit %s: %w", unit, err)
	}
	if !open(status, record) {
		return "", held.Clear(unit)
	}
	s.sys.Point("acting " + unit)
	if record.Action == string(resource.Reload) {
		err = s.sys.Units.Reload(ctx, unit)
	} else {
		err = s.sys.Units.Restart(ctx, unit)
	}
	if err != nil {
		return "", fmt.Errorf("%s of unit %s: %w", record.Action, unit, err)
	}
	s.sys.Point("acted " + unit)
	return record.Action, held.Clear(unit)
}

// overtake restarts a unit that is still starting with an old input: what waits
// for it to have started would wait for a process that cannot, and fail with it.
func (s *session) overtake(ctx context.Context, held *ledger.Ledger, unit string) (string, error) {
	record, ok := held.State().Restarts[unit]
	if !ok || record.Action != string(resource.Restart) {
		return "", nil
	}
	status, err := s.sys.Units.Status(ctx, unit)
	if err != nil {
		return "", fmt.Errorf("looking at unit %s: %w", unit, err)
	}
	if status.ActiveState != "activating" || !open(status, record) {
		return "", nil
	}
	if status.NeedReload {
		if err := s.sys.Units.DaemonReload(ctx); err != nil {
			return "", fmt.Errorf("reloading unit files: %w", err)
		}
	}
	return s.act(ctx, held, unit)
}

// pending are the records that still ask for something.
func (s *session) pending(ctx context.Context, records map[string]facts.Restart) (map[string]facts.Restart, error) {
	var out map[string]facts.Restart
	for unit, record := range records {
		status, err := s.sys.Units.Status(ctx, unit)
		if err != nil {
			return nil, fmt.Errorf("looking at unit %s: %w", unit, err)
		}
		if !open(status, record) {
			continue
		}
		if out == nil {
			out = map[string]facts.Restart{}
		}
		out[unit] = record
	}
	return out, nil
}
