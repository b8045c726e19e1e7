package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"provision/provision/agent/api"
	"provision/provision/agent/health"
	"provision/provision/agent/keys"
	"provision/provision/agent/measure"
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
	answers map[string]handler
	conn    *wire.Conn
	dir     string // of the ledger
	units   keyed  // see act
	records keyed  // see announceUnit
	ids     keyed  // one change of a resource at a time

	locking sync.Mutex // one lock request at a time
	mu      sync.Mutex
	held    *ledger.Ledger // nil without the lock
	epoch   uint64
	beat    beat
	spares  *spares.Store
	keys    *keys.Store
	host    *health.Host
	meter   *measure.Meter
}

func newSession(options Options) *session {
	if options.Network == nil {
		options.Network = measure.KernelNetwork{}
	}
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
	s.keys = &keys.Store{Sys: s.sys}
	s.host = &health.Host{Sys: s.sys, State: s.state, Allowed: s.allowed}
	s.meter = &measure.Meter{Sys: s.sys, Network: options.Network}
	s.dir = s.sys.Files.Path(system.LedgerDir)
	s.beat.dir = s.sys.Files.Path(system.LeaseDir)
	s.answers = s.methods()
	return s
}

// Sign asks the operator, who knows the host that holds the CA's key.
func (s *session) Sign(ctx context.Context, request system.SignRequest) ([]byte, error) {
	result, err := api.AskSign.Call(ctx, s.conn, request)
	if err != nil {
		return nil, fmt.Errorf("asking for a certificate of CA %s: %w", request.CA, err)
	}
	return result.Certificate, nil
}

// handler answers the requests of one method.
type handler func(ctx context.Context, params json.RawMessage) (any, error)

// methods is all that an agent answers.
func (s *session) methods() map[string]handler {
	all := map[string]handler{}
	on(all, api.Facts, s.facts)
	on(all, api.Plan, s.plan)
	on(all, api.Lock, s.lock)
	on(all, api.Await, s.await)
	on(all, api.Apply, s.apply)
	on(all, api.Remove, s.remove)
	on(all, api.Identity, s.identity)
	on(all, api.Sign, s.sign)
	on(all, api.Roster, s.roster)
	on(all, api.Commit, s.commit)
	on(all, api.Probe, s.host.Probe)
	on(all, api.Trial, s.trial)
	on(all, api.Snapshot, s.snapshot)
	on(all, api.Stop, s.stop)
	on(all, api.Backup, s.backup)
	on(all, api.Reboot, s.reboot)
	on(all, api.History, s.history)
	on(all, api.Journal, s.host.Journal)
	on(all, api.Health, s.host.Health)
	on(all, api.Collect, s.host.Collect)
	on(all, api.Clock, s.meter.Clock)
	on(all, api.Inspect, s.meter.Inspect)
	on(all, api.Latency, s.meter.Latency)
	on(all, api.Listen, s.meter.Listen)
	on(all, api.Reach, s.meter.Reach)
	return all
}

// on has a function answer a method. Parameters are decoded strictly: what a
// newer operator means must not be half understood.
func on[P, R any](all map[string]handler, method api.Method[P, R], do func(context.Context, P) (R, error)) {
	all[method.Name] = func(ctx context.Context, raw json.RawMessage) (any, error) {
		var params P
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&params); err != nil {
			return nil, api.BadRequest("reading parameters: %v", err)
		}
		return do(ctx, params)
	}
}

// handle answers one request.
func (s *session) handle(ctx context.Context, method string, params json.RawMessage) (any, error) {
	answer := s.answers[method]
	if answer == nil {
		return nil, api.BadRequest("unknown method %q", method)
	}
	return answer(ctx, params)
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
