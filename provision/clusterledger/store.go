package clusterledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"provision/provision/cluster"
	"provision/provision/resource"
)

// Kinds are the kinds of the cluster by name.
type Kinds = map[string]resource.Kind[*cluster.Env]

// Store changes the cluster as its ledger knows, one Store a run. It is safe for
// concurrent use; the cluster's lock keeps other runs away.
type Store struct {
	kinds Kinds
	point func(name string)

	mu      sync.Mutex
	read    bool
	exists  bool
	version string // of the Secret, as read or written last
	ledger  Ledger
}

// New returns a Store that has read nothing yet. point is called at the kill
// points.
func New(kinds Kinds, point func(name string)) *Store { return &Store{kinds: kinds, point: point} }

// load reads the Secret. A damaged one counts as none, with ErrDamaged.
func (s *Store) load(ctx context.Context, env *cluster.Env) error {
	object, err := env.Objects.Get(ctx, Ref())
	if err != nil {
		return fmt.Errorf("reading the cluster's ledger: %w", err)
	}
	s.read, s.exists, s.version, s.ledger = true, object != nil, "", Ledger{}
	if object == nil {
		return nil
	}
	metadata, _ := object["metadata"].(map[string]any)
	s.version, _ = metadata["resourceVersion"].(string)
	s.ledger, err = decode(object)
	return err
}

// change writes the ledger anew. Nobody else writes it under the cluster's lock;
// if somebody did, it is read again and changed as it is now.
func (s *Store) change(ctx context.Context, env *cluster.Env, to func(Ledger) Ledger) error {
	const attempts = 3
	s.mu.Lock()
	defer s.mu.Unlock()
	for attempt := 1; ; attempt++ {
		if !s.read || attempt > 1 {
			if err := s.load(ctx, env); err != nil && !errors.Is(err, ErrDamaged) {
				return err
			}
		}
		next := to(s.ledger)
		if s.exists && slices.EqualFunc(next.Entries, s.ledger.Entries, same) && attempt == 1 {
			return nil
		}
		err := s.write(ctx, env, next)
		if err == nil {
			return nil
		}
		s.read = false
		if moved := errors.Is(err, cluster.ErrConflict) || errors.Is(err, cluster.ErrExists); !moved || attempt == attempts {
			return fmt.Errorf("writing the cluster's ledger: %w", err)
		}
	}
}

func (s *Store) write(ctx context.Context, env *cluster.Env, next Ledger) error {
	data, err := encode(next)
	if err != nil {
		return err
	}
	ref := Ref()
	if !s.exists {
		// A new cluster may not have its namespaces yet.
		namespace := cluster.Object{"apiVersion": "v1", "kind": "Namespace", "metadata": cluster.Object{"name": ref.Namespace}}
		if err := env.Objects.Create(ctx, namespace); err != nil && !errors.Is(err, cluster.ErrExists) {
			return err
		}
		err = env.Objects.Create(ctx, cluster.Object{
			"apiVersion": ref.APIVersion, "kind": ref.Kind, "type": "provision/ledger",
			"metadata": cluster.Object{"name": ref.Name, "namespace": ref.Namespace}, "data": data,
		})
	} else {
		patch := cluster.Object{"data": data}
		if s.version != "" {
			patch["metadata"] = cluster.Object{"resourceVersion": s.version}
		}
		err = env.Objects.Merge(ctx, ref, patch)
	}
	if err != nil {
		return err
	}
	// The version that was written is only known by reading it.
	return s.load(ctx, env)
}

func same(a, b Entry) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// Apply records what is there before the first change of a resource, and applies
// it. Kinds that are not of the ledger are only applied.
func (s *Store) Apply(ctx context.Context, env *cluster.Env, r resource.Resource) error {
	kind, ok := s.kinds[r.Address.Kind]
	if !ok {
		return fmt.Errorf("kind %q of %s is not in the catalogue", r.Address.Kind, r.Address)
	}
	if kind.Ledgered() {
		if err := s.Record(ctx, env, r); err != nil {
			return err
		}
		s.point("recorded " + r.Address.String())
	}
	return kind.Apply(ctx, env, r.Address.Name, r.Spec)
}

// Record puts resources into the ledger, in one write. Those that are in it keep
// what stood there first.
func (s *Store) Record(ctx context.Context, env *cluster.Env, resources ...resource.Resource) error {
	known, err := s.known(ctx, env)
	if err != nil {
		return err
	}
	var entries []Entry
	for _, r := range resources {
		kind := s.kinds[r.Address.Kind]
		entry := Entry{ID: r.Address.ID(), Component: r.Component, Irreversible: kind.Irreversible(), Requires: s.requires(r)}
		if old, ok := known.Entry(entry.ID); ok {
			entry.Before = old.Before
		} else if entry.Before, err = before(ctx, env, kind, r); err != nil {
			return fmt.Errorf("recording %s in the cluster's ledger: %w", r.Address, err)
		}
		entries = append(entries, entry)
	}
	return s.change(ctx, env, func(l Ledger) Ledger {
		for _, entry := range entries {
			if old, ok := l.Entry(entry.ID); ok {
				entry.Before = old.Before
			}
			l = l.with(entry)
		}
		return l
	})
}

// before is what stood there, as far as what is there tells.
func before(ctx context.Context, env *cluster.Env, kind resource.Kind[*cluster.Env], r resource.Resource) (json.RawMessage, error) {
	name := r.Address.Name
	have, err := kind.Observe(ctx, env, name, r.Spec)
	if err != nil {
		return nil, fmt.Errorf("observing: %w", err)
	}
	was, err := kind.Before(ctx, env, name, have)
	if err != nil {
		return nil, err
	}
	return kind.Keep(ctx, env, name, was)
}

// requires are the resources of the ledger that another one needs.
func (s *Store) requires(r resource.Resource) []string {
	var ids []string
	for _, need := range r.Requires {
		if kind, ok := s.kinds[need.Kind]; ok && need.IsCluster() && kind.Ledgered() && !slices.Contains(ids, need.ID()) {
			ids = append(ids, need.ID())
		}
	}
	slices.Sort(ids)
	return ids
}

func (s *Store) known(ctx context.Context, env *cluster.Env) (Ledger, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.read {
		if err := s.load(ctx, env); err != nil && !errors.Is(err, ErrDamaged) {
			return Ledger{}, err
		}
	}
	return s.ledger, nil
}

// Remove puts back what stood there before, then forgets the entry. Removing what
// is not in the ledger is done already.
func (s *Store) Remove(ctx context.Context, env *cluster.Env, a resource.Address) error {
	known, err := s.known(ctx, env)
	if err != nil {
		return err
	}
	entry, ok := known.Entry(a.ID())
	if !ok {
		return nil
	}
	kind, ok := s.kinds[a.Kind]
	if !ok {
		return fmt.Errorf("kind %q of %s is not in the catalogue", a.Kind, a)
	}
	s.point("removing " + a.String())
	if err := kind.Restore(ctx, env, a.Name, entry.Before); err != nil && !errors.Is(err, resource.ErrIrreversible) {
		return fmt.Errorf("removing %s: %w", a, err)
	}
	s.point("restored " + a.String())
	return s.change(ctx, env, func(l Ledger) Ledger { return l.without(a.ID()) })
}
