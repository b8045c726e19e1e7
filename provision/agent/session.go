package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"provision/provision/agent/api"
	"provision/provision/agent/spares"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/internal/wire"
	"provision/provision/resource"
)

// session is one operator's.
type session struct {
	options Options
	sys     *system.System
	kinds   map[string]resource.Kind[*system.System]
	conn    *wire.Conn
	dir     string // of the ledger
	units   keyed  // see act
	records keyed  // see announceUnit
	ids     keyed  // one change of a resource at a time

	locking sync.Mutex // one lock request at a time
	birth   sync.Mutex // one act on the identity at a time
	opened  echoes     // see listen
	mu      sync.Mutex
	held    *ledger.Ledger // nil without the lock
	epoch   uint64
	beat    beat
	spares  *spares.Store
}

func newSession(options Options) *session {
	s := &session{options: options, kinds: map[string]resource.Kind[*system.System]{}}
	for _, kind := range options.Kinds {
		s.kinds[kind.Name()] = kind
	}
	given := options.System
	s.sys = &system.System{
		Files: given.Files, Runner: given.Runner, Units: given.Units, Blobs: given.Blobs,
		Saved: given.Saved, Now: given.Now, Point: given.Point, Kill: given.Kill, Signer: s,
	}
	s.spares = &spares.Store{Sys: s.sys, Kind: s.kind, Change: s.ids.alone, Act: s.units.alone, Asks: s.asks}
	s.dir = s.sys.Files.Path(system.LedgerDir)
	s.beat.dir = s.sys.Files.Path(system.LeaseDir)
	return s
}

// Sign asks the operator, who knows the host that holds the CA's key.
func (s *session) Sign(ctx context.Context, request system.SignRequest) ([]byte, error) {
	var result api.SignResult
	if err := s.conn.Call(ctx, api.MethodAskSign, request, &result); err != nil {
		return nil, fmt.Errorf("asking for a certificate of CA %s: %w", request.CA, err)
	}
	return result.Certificate, nil
}

// handle dispatches one request.
func (s *session) handle(ctx context.Context, method string, params json.RawMessage) (any, error) {
	switch method {
	case api.MethodFacts:
		return with(ctx, params, s.facts)
	case api.MethodPlan:
		return with(ctx, params, s.plan)
	case api.MethodLock:
		return with(ctx, params, s.lock)
	case api.MethodAwait:
		return with(ctx, params, s.await)
	case api.MethodApply:
		return with(ctx, params, s.apply)
	case api.MethodRemove:
		return with(ctx, params, s.remove)
	case api.MethodIdentity:
		return with(ctx, params, s.identity)
	case api.MethodSign:
		return with(ctx, params, s.sign)
	case api.MethodRoster:
		return with(ctx, params, s.roster)
	case api.MethodSnapshot:
		return with(ctx, params, s.snapshot)
	case api.MethodReboot:
		return with(ctx, params, s.reboot)
	case api.MethodTrial:
		return with(ctx, params, s.trial)
	case api.MethodCommit:
		return with(ctx, params, s.commit)
	case api.MethodJournal:
		return with(ctx, params, s.journal)
	case api.MethodProbe:
		return with(ctx, params, s.probe)
	case api.MethodHealth:
		return with(ctx, params, s.health)
	case api.MethodCollect:
		return with(ctx, params, s.collect)
	case api.MethodHistory:
		return with(ctx, params, s.history)
	}
	return s.preflight(ctx, method, params)
}

// with decodes parameters strictly: what a newer operator means must not be
// half understood.
func with[P, R any](ctx context.Context, raw json.RawMessage, do func(context.Context, P) (R, error)) (any, error) {
	var params P
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&params); err != nil {
		return nil, badRequest("reading parameters: %v", err)
	}
	return do(ctx, params)
}

func badRequest(format string, args ...any) error {
	return &api.Error{Code: api.CodeBadRequest, Message: fmt.Sprintf(format, args...)}
}

// keyed hands out locks by name, for reading (many) or writing (one).
type keyed struct{ locks sync.Map }

func (k *keyed) get(name string) *sync.RWMutex {
	lock, _ := k.locks.LoadOrStore(name, new(sync.RWMutex))
	return lock.(*sync.RWMutex)
}

// shared takes several names at once, always in the same order.
func (k *keyed) shared(names []string) (unlock func()) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	for _, name := range names {
		k.get(name).RLock()
	}
	return func() {
		for _, name := range names {
			k.get(name).RUnlock()
		}
	}
}

func (k *keyed) alone(name string) (unlock func()) {
	lock := k.get(name)
	lock.Lock()
	return lock.Unlock
}
