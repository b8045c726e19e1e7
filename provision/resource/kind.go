package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrIrreversible is returned by Restore of a kind that cannot be undone; the
// plan says so before consent.
var ErrIrreversible = errors.New("cannot be undone")

// Typed is what the author of a kind writes. Env is what the kind acts on: the
// system of a host, or the clients of a cluster. State must survive JSON: the
// first one observed is kept in the ledger, for Restore.
type Typed[Env, Spec, State any] interface {
	// Name is the kind's name in addresses: "file", "unit", "node".
	Name() string
	// Check validates a decoded spec; specs come from the wire and from files.
	Check(name string, want Spec) error
	// Observe reads what is there. It never changes anything.
	Observe(ctx context.Context, env Env, name string, want Spec) (State, error)
	// Diff is pure: empty when have satisfies want.
	Diff(name string, want Spec, have State) []Change
	// Apply makes it so. Atomic or convergent: after kill -9 nothing
	// half-written is in use, Observe tells the truth and a second Apply ends it.
	Apply(ctx context.Context, env Env, name string, want Spec) error
	// Restore puts back what Observe (and Keep) recorded before the first
	// Apply, or returns ErrIrreversible.
	Restore(ctx context.Context, env Env, name string, before State) error
}

// Keeper is implemented by kinds whose State alone is not enough to restore:
// Keep saves what else is needed (contents of a file about to be replaced)
// and returns the state with a reference to it. It runs once, before the
// first Apply.
type Keeper[Env, State any] interface {
	Keep(ctx context.Context, env Env, name string, have State) (State, error)
}

// Oneway is implemented by kinds that cannot be undone at all.
type Oneway interface{ Irreversible() bool }

// Ledgered is implemented by the kinds of the cluster whose things leave by its
// ledger. Others leave another way: Nodes and members of etcd with their hosts.
type Ledgered[Env, State any] interface {
	// Before is what stood there before provision, given what is there, for a
	// thing that no ledger knows: as far as the thing itself tells. What may be
	// somebody else's stood there as it is.
	Before(ctx context.Context, env Env, name string, have State) (State, error)
	// Leave tells what Restore would do now; it never changes anything. With
	// ErrIrreversible the changes say what stays.
	Leave(ctx context.Context, env Env, name string, before State) ([]Change, error)
}

// Kind is a Typed with its types erased, as the catalogue holds it.
type Kind[Env any] interface {
	Name() string
	Irreversible() bool
	Check(name string, spec json.RawMessage) error
	Observe(ctx context.Context, env Env, name string, spec json.RawMessage) (json.RawMessage, error)
	Diff(name string, spec, have json.RawMessage) ([]Change, error)
	Keep(ctx context.Context, env Env, name string, have json.RawMessage) (json.RawMessage, error)
	Apply(ctx context.Context, env Env, name string, spec json.RawMessage) error
	Restore(ctx context.Context, env Env, name string, before json.RawMessage) error
	// Ledgered, Before and Leave are those of Ledgered; the latter two must not
	// be called of other kinds.
	Ledgered() bool
	Before(ctx context.Context, env Env, name string, have json.RawMessage) (json.RawMessage, error)
	Leave(ctx context.Context, env Env, name string, before json.RawMessage) ([]Change, error)
}

// Erase turns a typed kind into a catalogue entry.
func Erase[Env, Spec, State any](kind Typed[Env, Spec, State]) Kind[Env] {
	return erased[Env, Spec, State]{kind}
}

type erased[Env, Spec, State any] struct {
	typed Typed[Env, Spec, State]
}

func (e erased[Env, Spec, State]) Name() string { return e.typed.Name() }

func (e erased[Env, Spec, State]) Irreversible() bool {
	oneway, ok := e.typed.(Oneway)
	return ok && oneway.Irreversible()
}

func (e erased[Env, Spec, State]) Check(name string, spec json.RawMessage) error {
	_, err := e.spec(name, spec)
	return err
}

func (e erased[Env, Spec, State]) Observe(ctx context.Context, env Env, name string, spec json.RawMessage) (json.RawMessage, error) {
	want, err := e.spec(name, spec)
	if err != nil {
		return nil, err
	}
	have, err := e.typed.Observe(ctx, env, name, want)
	if err != nil {
		return nil, err
	}
	return json.Marshal(have)
}

func (e erased[Env, Spec, State]) Diff(name string, spec, state json.RawMessage) ([]Change, error) {
	want, err := e.spec(name, spec)
	if err != nil {
		return nil, err
	}
	have, err := strict[State](state)
	if err != nil {
		return nil, fmt.Errorf("reading state of %s %q: %w", e.typed.Name(), name, err)
	}
	return e.typed.Diff(name, want, have), nil
}

func (e erased[Env, Spec, State]) Keep(ctx context.Context, env Env, name string, state json.RawMessage) (json.RawMessage, error) {
	keeper, ok := e.typed.(Keeper[Env, State])
	if !ok {
		return state, nil
	}
	have, err := strict[State](state)
	if err != nil {
		return nil, fmt.Errorf("reading state of %s %q: %w", e.typed.Name(), name, err)
	}
	kept, err := keeper.Keep(ctx, env, name, have)
	if err != nil {
		return nil, err
	}
	return json.Marshal(kept)
}

func (e erased[Env, Spec, State]) Apply(ctx context.Context, env Env, name string, spec json.RawMessage) error {
	want, err := e.spec(name, spec)
	if err != nil {
		return err
	}
	return e.typed.Apply(ctx, env, name, want)
}

func (e erased[Env, Spec, State]) Restore(ctx context.Context, env Env, name string, before json.RawMessage) error {
	state, err := strict[State](before)
	if err != nil {
		return fmt.Errorf("reading recorded state of %s %q: %w", e.typed.Name(), name, err)
	}
	return e.typed.Restore(ctx, env, name, state)
}

func (e erased[Env, Spec, State]) Ledgered() bool {
	_, ok := e.typed.(Ledgered[Env, State])
	return ok
}

func (e erased[Env, Spec, State]) Before(ctx context.Context, env Env, name string, state json.RawMessage) (json.RawMessage, error) {
	kind, have, err := e.ledgered(name, state)
	if err != nil {
		return nil, err
	}
	before, err := kind.Before(ctx, env, name, have)
	if err != nil {
		return nil, err
	}
	return json.Marshal(before)
}

func (e erased[Env, Spec, State]) Leave(ctx context.Context, env Env, name string, state json.RawMessage) ([]Change, error) {
	kind, before, err := e.ledgered(name, state)
	if err != nil {
		return nil, err
	}
	return kind.Leave(ctx, env, name, before)
}

func (e erased[Env, Spec, State]) ledgered(name string, state json.RawMessage) (Ledgered[Env, State], State, error) {
	kind, ok := e.typed.(Ledgered[Env, State])
	before, err := strict[State](state)
	switch {
	case !ok:
		err = fmt.Errorf("kind %q is not of the cluster's ledger", e.typed.Name())
	case err != nil:
		err = fmt.Errorf("reading recorded state of %s %q: %w", e.typed.Name(), name, err)
	}
	return kind, before, err
}

func (e erased[Env, Spec, State]) spec(name string, raw json.RawMessage) (Spec, error) {
	want, err := strict[Spec](raw)
	if err == nil {
		err = e.typed.Check(name, want)
	}
	if err != nil {
		return want, fmt.Errorf("spec of %s %q: %w", e.typed.Name(), name, err)
	}
	return want, nil
}

// strict decodes JSON and refuses unknown fields: a spec of a newer version
// must not be half understood.
func strict[T any](raw json.RawMessage) (T, error) {
	var value T
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&value)
	return value, err
}
