package spares

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// Revert puts back what the first unit last worked with, and what else was changed
// with it; restarts the units that read it; and waits for the first. Killed at any
// moment, what is kept is still kept, and the next run tries and ends it again.
func (s *Store) Revert(ctx context.Context, done func(unit string) error, params api.TrialParams) (result api.TrialResult, err error) {
	result.Log = s.lastStart(ctx, params.Units[0])
	list, err := s.load()
	if err != nil {
		return result, err
	}
	units, mine := together(list, params.Units)
	if len(mine) == 0 {
		return result, nil
	}
	for _, one := range slices.Backward(mine) {
		address, err := resource.ParseAddress(one.Resource)
		if err != nil {
			return result, fmt.Errorf("putting back %s: %w", one.Resource, err)
		}
		if err := s.putBack(ctx, address, one); err != nil {
			return result, fmt.Errorf("putting back %s: %w", address.ID(), err)
		}
		result.Reverted = append(result.Reverted, address.ID())
		s.Sys.Point("reverted " + address.ID())
	}
	slices.SortStableFunc(units, func(a, b string) int { return slices.Index(params.Order, a) - slices.Index(params.Order, b) })
	err = s.restartAll(ctx, done, units)
	if err == nil {
		err = s.Watch(ctx, params)
	}
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if err != nil {
		result.Still = err.Error()
	}
	return result, s.Pass(units)
}

// together are the spares that units share with each other, and all their units.
func together(list []kept, units []string) (all []string, mine []kept) {
	all = slices.Clone(units)
	for before := -1; before != len(all); {
		before = len(all)
		mine = nil
		for _, one := range list {
			if slices.ContainsFunc(one.Units, func(unit string) bool { return slices.Contains(all, unit) }) {
				mine = append(mine, one)
				all = union(all, one.Units)
			}
		}
	}
	return all, mine
}

func (s *Store) putBack(ctx context.Context, address resource.Address, one kept) error {
	kind, err := s.Kind(address.Kind)
	if err != nil {
		return err
	}
	defer s.Change(address.ID())()
	return kind.Restore(ctx, s.Sys, address.Name, one.State)
}

func (s *Store) restartAll(ctx context.Context, done func(unit string) error, units []string) error {
	for _, unit := range units {
		defer s.Act(unit)()
		if err := s.Sys.Units.ResetFailed(ctx, unit); err != nil {
			return fmt.Errorf("restarting %s: %w", unit, err)
		}
		if err := s.Sys.Units.Restart(ctx, unit); err != nil {
			return fmt.Errorf("restarting %s: %w", unit, err)
		}
		if err := done(unit); err != nil {
			return err
		}
	}
	return nil
}

// lastStartLines bound what is told of a unit's last start.
const lastStartLines = 8

// lastStart is what the unit itself said since it was started last.
func (s *Store) lastStart(ctx context.Context, unit string) []string {
	status, err := s.Sys.Units.Status(ctx, unit)
	if err != nil {
		return nil
	}
	read := func(match ...string) []string {
		out, err := s.Sys.Runner.Run(ctx, system.Command{Argv: append([]string{"journalctl", "--no-pager", "--quiet", "--output=cat", "--lines=200"}, match...)})
		if err != nil {
			return nil
		}
		return strings.FieldsFunc(string(out.Stdout), func(r rune) bool { return r == '\n' })
	}
	lines := read("_SYSTEMD_INVOCATION_ID=" + status.InvocationID)
	if !slices.ContainsFunc(lines, telling) { // it is starting again at this moment
		lines = read("_SYSTEMD_UNIT=" + unit)
	}
	return foremost(lines)
}

// foremost is the end of a log, with the line that tells most before it: programs go
// on talking after they have said what is wrong.
func foremost(lines []string) []string {
	tail := slices.Clone(lines[max(0, len(lines)-lastStartLines):])
	for i, line := range slices.Backward(lines) {
		if telling(line) {
			if at := i - (len(lines) - len(tail)); at >= 0 {
				tail = slices.Delete(tail, at, at+1)
			}
			return append([]string{line}, tail...)
		}
	}
	return tail
}

// telling reports whether a line is about what went wrong.
func telling(line string) bool {
	if len(line) > 5 && (line[0] == 'E' || line[0] == 'F') && strings.Trim(line[1:5], "0123456789") == "" {
		return true // klog
	}
	lower := strings.ToLower(line)
	return slices.ContainsFunc([]string{"error", "fatal", "panic", "failed", "invalid", "unknown"}, func(word string) bool { return strings.Contains(lower, word) })
}
