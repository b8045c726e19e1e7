package clusterledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"provision/provision/cluster"
	"provision/provision/plan"
	"provision/provision/resource"
)

// Look reads the ledger anew and tells what of it leaves, and what is wanted and
// there and not in it. seen are the comparisons of the wanted resources. An error
// is ErrNewer, or of the API; nothing is known then.
func (s *Store) Look(ctx context.Context, env *cluster.Env, wanted []resource.Resource, seen map[resource.Address]plan.ClusterObserved) (plan.Ledger, error) {
	s.mu.Lock()
	err := s.load(ctx, env)
	known, exists := s.ledger, s.exists
	s.mu.Unlock()
	var found plan.Ledger
	switch {
	case errors.Is(err, ErrDamaged):
		found.Lost = err.Error()
	case err != nil:
		return found, err
	case !exists:
		found.Lost = fmt.Sprintf("there is no %s: an earlier provision made this cluster, or somebody deleted it", Ref())
	}
	keep := map[string]bool{}
	for _, r := range wanted {
		keep[r.Address.ID()] = true
		if s.adopts(known, r, seen[r.Address]) {
			found.Adopt = append(found.Adopt, r.Address)
		}
	}
	for _, entry := range slices.Backward(known.Entries) {
		if keep[entry.ID] {
			continue
		}
		goes, err := s.leaving(ctx, env, known, entry)
		if err != nil {
			return found, err
		}
		found.Leaving = append(found.Leaving, goes)
	}
	return found, nil
}

// adopts reports whether a resource is as wanted, so that no step will record it,
// and not in the ledger.
func (s *Store) adopts(known Ledger, r resource.Resource, seen plan.ClusterObserved) bool {
	kind, ok := s.kinds[r.Address.Kind]
	_, recorded := known.Entry(r.Address.ID())
	return ok && kind.Ledgered() && !recorded && !seen.Unknown && seen.Err == nil && len(seen.Changes) == 0
}

func (s *Store) leaving(ctx context.Context, env *cluster.Env, known Ledger, entry Entry) (plan.Departing, error) {
	a, err := entry.Address()
	if err != nil {
		return plan.Departing{}, fmt.Errorf("reading the cluster's ledger: %w", err)
	}
	goes := plan.Departing{Address: a, Component: entry.Component, Irreversible: entry.Irreversible}
	for _, other := range known.Entries {
		if slices.Contains(other.Requires, entry.ID) {
			if needs, err := other.Address(); err == nil {
				goes.After = append(goes.After, needs)
			}
		}
	}
	kind, ok := s.kinds[a.Kind]
	if !ok || !kind.Ledgered() {
		goes.Err = fmt.Errorf("kind %q is not in this provision's catalogue; use the provision that made it", a.Kind)
		return goes, nil
	}
	goes.Changes, err = kind.Leave(ctx, env, a.Name, entry.Before)
	if errors.Is(err, resource.ErrIrreversible) {
		goes.Irreversible = true
	} else {
		goes.Err = err
	}
	return goes, nil
}
