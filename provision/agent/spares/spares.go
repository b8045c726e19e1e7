package spares

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"provision/provision/agent/api"
	"provision/provision/internal/system"
	"provision/provision/resource"
)

// settling is for how long after a start that systemd did by itself a unit is not
// taken to work: it may be ending again and again.
const settling = 10 * time.Second

// trialGap lies between looks at a unit on trial: systemd tells changes, but not
// that there was none.
const trialGap = 100 * time.Millisecond

// Store is a host's, while a session has it.
type Store struct {
	Sys *system.System
	// Kind finds a kind by its name; Change and Act let nobody else change a resource,
	// or act on a unit, until what they return is called.
	Kind        func(name string) (resource.Kind[*system.System], error)
	Change, Act func(name string) (unlock func())
	// Asks is how to ask a unit by its URL whether it works.
	Asks func(url string) (func(context.Context) error, error)
}

// runs reports whether a unit has started.
func runs(status system.UnitStatus) bool {
	return status.InvocationID != "" && slices.Contains([]string{"active", "reloading", "refreshing"}, status.ActiveState)
}

// kept is what stood in the place of a resource when the units that read it were
// last seen to work.
type kept struct {
	Resource string          `json:"resource"` // address
	State    json.RawMessage `json:"state"`
	Units    []string        `json:"units"`
	// Passed are those of the units that work with what is new.
	Passed []string `json:"passed,omitempty"`
}

// load are read from disk each time: they are few, and rare.
func (s *Store) load() ([]kept, error) {
	raw, err := s.Sys.Files.ReadFile(system.SparesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what units ran with: %w", err)
	}
	list, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("reading what units ran with: %s is damaged: %w; remove it: units that do not come up with new settings are then not put back", system.SparesFile, err)
	}
	return list, nil
}

func (s *Store) save(list []kept) error {
	if len(list) == 0 {
		return s.Sys.Files.Remove(system.SparesFile)
	}
	raw, err := encode(list)
	if err != nil {
		return fmt.Errorf("keeping what units run with: %w", err)
	}
	return s.Sys.Files.WriteFile(system.SparesFile, bytes.NewReader(raw), system.Attr{Mode: 0o600})
}

// encode writes a digest, a line's end, and the list.
func encode(list []kept) ([]byte, error) {
	raw, err := json.Marshal(list)
	sum := sha256.Sum256(raw)
	return append([]byte(hex.EncodeToString(sum[:])+"\n"), raw...), err
}

func decode(raw []byte) (list []kept, err error) {
	told, content, _ := bytes.Cut(raw, []byte("\n"))
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != string(told) {
		return nil, errors.New("it has another digest")
	}
	err = json.Unmarshal(content, &list)
	return list, err
}

// Keep notes what a change is about to replace, if one of the units works with it,
// or is on trial already: then this was there before the trial too. What is kept
// already is older, and stays.
func (s *Store) Keep(ctx context.Context, kind resource.Kind[*system.System], want resource.Resource, have json.RawMessage, units []string) error {
	if len(units) == 0 || kind.Irreversible() {
		return nil
	}
	defer s.Sys.Lock("spares")()
	list, err := s.load()
	if err != nil {
		return err
	}
	var tried []string
	for _, unit := range units {
		works, err := s.Works(ctx, unit)
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
		state, err := kind.Keep(ctx, s.Sys, want.Address.Name, have)
		if err != nil {
			return fmt.Errorf("keeping what is there: %w", err)
		}
		list = append(list, kept{Resource: want.Address.String(), State: state, Units: tried})
	}
	return s.save(list)
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

// Works reports whether a unit runs and has not just been started by systemd
// itself, after it ended.
func (s *Store) Works(ctx context.Context, unit string) (bool, error) {
	status, err := s.Sys.Units.Status(ctx, unit)
	if err != nil {
		return false, fmt.Errorf("looking at unit %s: %w", unit, err)
	}
	if !runs(status) {
		return false, nil
	}
	if s.Sys.Now().Sub(status.Since) > settling {
		return true, nil
	}
	service, err := s.Sys.Units.Service(ctx, unit)
	if err != nil {
		return false, fmt.Errorf("looking at unit %s: %w", unit, err)
	}
	return service.Restarts == 0, nil
}

// Ill are those of the running units that do not work.
func (s *Store) Ill(ctx context.Context, units []string) (list []string, err error) {
	for _, unit := range units {
		works, err := s.Works(ctx, unit)
		if err != nil {
			return nil, err
		}
		if !works {
			list = append(list, unit)
		}
	}
	return list, nil
}

// Unproven are the units on trial. They are among what is to be restarted: a run
// that was killed did not come to see whether they work.
func (s *Store) Unproven() (map[string]string, error) {
	list, err := s.load()
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

// Watch waits until a unit works, and stays what it is for a while: one that ends
// again and again is running at moments.
func (s *Store) Watch(ctx context.Context, params api.TrialParams) error {
	unit := params.Units[0]
	ask, err := s.Asks(params.URL)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, params.Within, errors.New("it took longer than "+params.Within.String()))
	defer cancel()
	first, missing := "", "it does not run"
	for {
		status, err := s.Sys.Units.Status(ctx, unit)
		switch {
		case ctx.Err() != nil:
			return &api.Error{Code: api.CodeFailed, Message: fmt.Sprintf("%s does not work: %s (%v)", unit, missing, context.Cause(ctx))}
		case err != nil:
			return fmt.Errorf("looking at unit %s: %w", unit, err)
		case first != "" && status.InvocationID != first, status.ActiveState == "failed", status.SubState == "auto-restart":
			return &api.Error{Code: api.CodeFailed, Message: unit + " ended after it was started"}
		case runs(status):
			seen := first != "" // one look tells nothing of a unit that ends again and again
			first = status.InvocationID
			if err := ask(ctx); err != nil {
				missing = err.Error()
			} else if missing = "it started a moment ago"; seen && s.Sys.Now().Sub(status.Since) >= params.Steady {
				return nil
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(trialGap):
		}
	}
}

// Pass forgets what was kept for units, once all that read it work.
func (s *Store) Pass(units []string) error {
	defer s.Sys.Lock("spares")()
	list, err := s.load()
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
	return s.save(left)
}
