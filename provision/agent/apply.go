package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// unitKind is the kind whose resources open records are about.
const unitKind = "unit"

func (s *session) kind(name string) (resource.Kind[*system.System], error) {
	kind, ok := s.kinds[name]
	if !ok {
		return nil, api.BadRequest("unknown kind %q", name)
	}
	return kind, nil
}

// apply makes one resource so. Everything that a later run must know is in the
// ledger before the change: what stood there, and which units must restart.
func (s *session) apply(ctx context.Context, params api.ApplyParams) (result api.ApplyResult, err error) {
	held, err := s.writer(params.Epoch)
	if err != nil {
		return result, err
	}
	want := params.Resource
	kind, err := s.kind(want.Address.Kind)
	if err != nil {
		return result, err
	}
	if err := checkApply(params); err != nil {
		return result, err
	}
	defer s.ids.alone(want.Address.ID())()
	defer s.units.shared(unitsOf(want.Triggers))()
	if params.RestartFor != "" {
		if err := s.announceUnit(ctx, held, params.RestartFor, want.Address.Name, string(resource.Restart)); err != nil {
			return result, failed(want.Address, err)
		}
	}
	if params.Act {
		if err := s.resume(ctx, held, want.Address.Name); err != nil {
			return result, failed(want.Address, err)
		}
		if result.Acted, err = s.overtake(ctx, held, want.Address.Name); err != nil {
			return result, failed(want.Address, err)
		}
	}
	changes, have, err := s.observe(ctx, kind, want)
	if err != nil {
		return result, failed(want.Address, err)
	}
	if len(changes) > 0 {
		if err := s.change(ctx, held, kind, want, have, params.Keep); err != nil {
			return result, failed(want.Address, err)
		}
		result.Changed = true
	}
	if params.Act && result.Acted == "" {
		if result.Acted, err = s.act(ctx, held, want.Address.Name); err != nil {
			return result, failed(want.Address, err)
		}
	}
	return result, nil
}

func checkApply(params api.ApplyParams) error {
	want := params.Resource
	if want.Address.Kind != unitKind {
		if params.Act || params.RestartFor != "" {
			return api.BadRequest("only units can be acted on, not %s", want.Address.ID())
		}
		return nil
	}
	if slices.Contains(unitsOf(want.Triggers), want.Address.Name) {
		return api.BadRequest("%s cannot trigger itself", want.Address.ID())
	}
	return nil
}

func (s *session) observe(ctx context.Context, kind resource.Kind[*system.System], want resource.Resource) ([]resource.Change, json.RawMessage, error) {
	have, err := kind.Observe(ctx, s.sys, want.Address.Name, want.Spec)
	if err != nil {
		return nil, nil, fmt.Errorf("observing: %w", err)
	}
	changes, err := kind.Diff(want.Address.Name, want.Spec, have)
	if err != nil {
		return nil, nil, fmt.Errorf("comparing: %w", err)
	}
	return changes, have, nil
}

func (s *session) change(ctx context.Context, held *ledger.Ledger, kind resource.Kind[*system.System], want resource.Resource, have json.RawMessage, keep []string) error {
	if err := s.checkBlobs(want.Blobs); err != nil {
		return err
	}
	if err := s.record(ctx, held, kind, want, have); err != nil {
		return err
	}
	s.sys.Point("recorded " + want.Address.ID())
	if err := s.spares.Keep(ctx, kind, want, have, keep); err != nil {
		return err
	}
	s.sys.Point("kept " + want.Address.ID())
	if err := s.announce(ctx, held, want.Address.String(), triggers(want.Triggers)); err != nil {
		return err
	}
	s.sys.Point("announced " + want.Address.ID())
	if err := kind.Apply(ctx, s.sys, want.Address.Name, want.Spec); err != nil {
		return fmt.Errorf("applying: %w", err)
	}
	s.sys.Point("applied " + want.Address.ID())
	return nil
}

// record writes the entry before a first change. Later ones keep what stood
// there first, and only follow what is wanted now.
func (s *session) record(ctx context.Context, held *ledger.Ledger, kind resource.Kind[*system.System], want resource.Resource, have json.RawMessage) error {
	entry := ledger.Entry{
		ID: want.Address.ID(), Kind: want.Address.Kind, Name: want.Address.Name, Component: want.Component,
		Irreversible: kind.Irreversible(), Blobs: want.Blobs, Triggers: triggers(want.Triggers),
	}
	state := held.State()
	if known, ok := state.Entry(entry.ID); ok {
		entry.Before = known.Before
		if equal(known, entry) {
			return nil
		}
		return held.Put(entry)
	}
	kept, err := kind.Keep(ctx, s.sys, want.Address.Name, have)
	if err != nil {
		return fmt.Errorf("keeping what is there: %w", err)
	}
	entry.Before = kept
	return held.Put(entry)
}

func equal(a, b ledger.Entry) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && slices.Equal(x, y)
}

func (s *session) checkBlobs(digests []string) error {
	for _, digest := range digests {
		_, err := s.sys.Blobs.Path(digest)
		if errors.Is(err, fs.ErrNotExist) {
			return &api.Error{Code: api.CodeMissing, Message: fmt.Sprintf("blob %s is not on the host", digest)}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remove puts back what stood there before, then forgets the entry. Removing
// what is not in the ledger is done already.
func (s *session) remove(ctx context.Context, params api.RemoveParams) (api.ApplyResult, error) {
	held, err := s.writer(params.Epoch)
	if err != nil {
		return api.ApplyResult{}, err
	}
	defer s.ids.alone(params.ID)()
	state := held.State()
	entry, ok := state.Entry(params.ID)
	if !ok {
		return api.ApplyResult{}, nil
	}
	address := resource.Address{Kind: entry.Kind, Name: entry.Name}
	kind, err := s.kind(entry.Kind)
	if err != nil {
		return api.ApplyResult{}, err
	}
	var units []string
	for unit := range entry.Triggers {
		units = append(units, unit)
	}
	defer s.units.shared(units)()
	if err := s.announce(ctx, held, address.ID(), entry.Triggers); err != nil {
		return api.ApplyResult{}, failed(address, err)
	}
	s.sys.Point("removing " + params.ID)
	err = kind.Restore(ctx, s.sys, entry.Name, entry.Before)
	if err != nil && !errors.Is(err, resource.ErrIrreversible) {
		return api.ApplyResult{}, failed(address, fmt.Errorf("putting back what was there: %w", err))
	}
	s.sys.Point("restored " + params.ID)
	return api.ApplyResult{Changed: err == nil}, held.Forget(params.ID)
}

// failed names the resource and keeps the tail of a command apart, so that
// reports can show it as it was.
func failed(address resource.Address, err error) error {
	var command *system.CommandError
	var typed *api.Error
	out := &api.Error{Code: api.CodeFailed, Message: fmt.Sprintf("%s: %v", address.ID(), err)}
	switch {
	case errors.As(err, &typed):
		out.Code, out.Detail, out.Data = typed.Code, typed.Detail, typed.Data
	case errors.Is(err, context.Canceled):
		out.Code = api.CodeCanceled
	case errors.As(err, &command):
		out.Detail = command.Tail
	}
	return out
}
