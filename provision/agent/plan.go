package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"provision/provision/agent/api"
	"provision/provision/facts"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/internal/wire"
	"provision/provision/resource"
	"provision/provision/secret"
)

// observers bounds how many resources are looked at at once: they wait for
// disk and D-Bus more than they compute.
const observers = 8

// seen is one resource after it was observed.
type seen struct {
	item api.PlanItem
	have json.RawMessage
}

// plan looks at everything that is wanted and at everything that is owned, and
// writes nothing.
func (s *session) plan(ctx context.Context, params api.PlanParams) (api.PlanResult, error) {
	state, err := s.state()
	if err != nil {
		return api.PlanResult{}, err
	}
	all := make([]seen, len(params.Resources))
	group := new(errgroup.Group)
	group.SetLimit(observers)
	for i := range params.Resources {
		group.Go(func() error {
			all[i] = s.look(ctx, params, i)
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return api.PlanResult{}, fmt.Errorf("observing: %w", err)
	}
	result := api.PlanResult{Removed: removed(state, params)}
	if result.Restarts, err = s.pending(ctx, state.Restarts); err != nil {
		return result, err
	}
	if result.Running, err = s.running(ctx, params, result.Removed); err != nil {
		return result, err
	}
	if result.Ill, err = s.spares.Ill(ctx, result.Running); err != nil {
		return result, err
	}
	if result.Unproven, err = s.spares.Unproven(); err != nil {
		return result, err
	}
	if result.Digest, err = digest(all, result, params.DigestKey.Value); err != nil {
		return result, err
	}
	for i, one := range all {
		if one.item.Changes == nil && one.item.Error == nil {
			continue
		}
		result.Items = append(result.Items, one.item)
		s.missing(&result, params.Resources[i].Blobs)
	}
	return result, nil
}

func (s *session) look(ctx context.Context, params api.PlanParams, i int) seen {
	want := params.Resources[i]
	out := seen{item: api.PlanItem{ID: want.Address.ID()}}
	kind, err := s.kind(want.Address.Kind)
	if err == nil {
		out.item.Irreversible = kind.Irreversible()
		out.item.Changes, out.have, err = s.observe(ctx, kind, want)
		resource.SealAll(out.item.Changes, keyedBy(params.DigestKey.Value))
	}
	if err != nil {
		out.item.Error = wire.ToError(failed(want.Address, err))
	}
	return out
}

// removed are the entries that nobody wants, last applied first.
func removed(state ledger.State, params api.PlanParams) []facts.Resource {
	wanted := map[string]bool{}
	for _, r := range params.Resources {
		wanted[r.Address.ID()] = true
	}
	var out []facts.Resource
	for _, entry := range slices.Backward(state.Entries) {
		if !wanted[entry.ID] {
			out = append(out, entry.Fact())
		}
	}
	return out
}

// running are the active units that the plan may act on, sorted.
func (s *session) running(ctx context.Context, params api.PlanParams, gone []facts.Resource) ([]string, error) {
	units := map[string]bool{}
	for _, r := range params.Resources {
		if r.Address.Kind == unitKind {
			units[r.Address.Name] = true
		}
		for _, t := range r.Triggers {
			units[t.Unit] = true
		}
	}
	for _, r := range gone {
		for unit := range r.Triggers {
			units[unit] = true
		}
	}
	var out []string
	for _, unit := range slices.Sorted(maps.Keys(units)) {
		status, err := s.sys.Units.Status(ctx, unit)
		if err != nil {
			return nil, fmt.Errorf("looking at unit %s: %w", unit, err)
		}
		if running(status) {
			out = append(out, unit)
		}
	}
	return out, nil
}

// missing adds the blobs of a change that the host lacks, with what it has. One
// that no longer fits its name is of no use: installed programs are hard links
// of blobs, so whoever edits one in place damages both.
func (s *session) missing(result *api.PlanResult, digests []string) {
	for _, digest := range digests {
		_, err := s.sys.Blobs.Path(digest)
		if err == nil {
			continue
		}
		if result.Missing == nil {
			result.Missing = map[string]int64{}
		}
		result.Missing[digest] = 0
		part, partErr := s.sys.Files.Lstat(system.BlobDir + "/" + digest + ".part")
		if partErr == nil && errors.Is(err, fs.ErrNotExist) {
			result.Missing[digest] = part.Size
		}
	}
}

// keyedBy is how digests of secrets are made, or nil when none may be told.
func keyedBy(key secret.Value) func(string) string {
	if key.Empty() {
		return nil
	}
	return key.Keyed
}

// digest covers what was observed and what the ledger says of it, whatever the
// order in which it was asked. States hold digests of secrets and of files that
// not everyone may read: without a key, what the plan shows must do.
func digest(all []seen, result api.PlanResult, key secret.Value) (string, error) {
	states := map[string]any{}
	for _, one := range all {
		switch {
		case one.item.Error != nil:
			states[one.item.ID] = one.item.Error.Message
		case key.Empty():
			states[one.item.ID] = one.item.Changes
		default:
			states[one.item.ID] = one.have
		}
	}
	raw, err := json.Marshal(map[string]any{"states": states, "removed": result.Removed, "restarts": result.Restarts})
	if err != nil {
		return "", fmt.Errorf("hashing what was observed: %w", err)
	}
	return key.Keyed(string(raw)), nil
}
