package renewal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"provision/provision/agent"
	"provision/provision/agent/api"
	"provision/provision/agent/keys"
	"provision/provision/agent/measure"
	"provision/provision/internal/ledger"
	"provision/provision/internal/system"
	"provision/provision/resource"
	"provision/provision/resource/cert"
)

// renewer renews the certificates of its host without an operator.
type renewer struct {
	*agent.Alone
	options agent.Options
	config  cert.Renewal
	state   ledger.State
	say     func(format string, args ...any)
}

// due is a certificate to renew.
type due struct {
	resource resource.Resource // with a spec that renews early
	spec     cert.Spec
}

// Renew renews what is due of the host's certificates: those of authorities
// whose key it holds at once, the others once somebody who holds it has signed.
// In between it signs what other hosts ask for, if it can. Writing is done as an
// apply does it, under the host's lock and with its records.
func Renew(ctx context.Context, options agent.Options, say func(format string, args ...any)) error {
	if options.Network == nil {
		options.Network = measure.KernelNetwork{}
	}
	r := &renewer{Alone: agent.NewAlone(options), options: options, say: say}
	defer func() { _ = r.Close() }() // the lock was given back before, if it was taken
	raw, err := r.System().Files.ReadFile(system.RenewalFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the host left the cluster
	}
	if err != nil {
		return fmt.Errorf("reading what to renew: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r.config); err != nil {
		return fmt.Errorf("reading %s: %w; apply rewrites it", system.RenewalFile, err)
	}
	if r.state, err = r.State(); err != nil {
		return err
	}
	if r.state.Identity == nil {
		return nil
	}
	return r.run(ctx)
}

func (r *renewer) run(ctx context.Context) error {
	own, others, err := r.due(ctx)
	if err != nil {
		return err
	}
	failures := []error{r.renew(ctx, own)}
	for _, ca := range r.config.Serves {
		if r.holds(ca) {
			failures = append(failures, r.serve(ctx, ca))
		}
	}
	if len(others) == 0 {
		return errors.Join(failures...)
	}
	// It may take until another host's timer goes off, which must not wait for
	// this host's.
	waiting, done := context.WithCancel(ctx)
	var serving sync.WaitGroup
	for _, ca := range r.config.Serves {
		if r.holds(ca) {
			serving.Go(func() { r.attend(waiting, ca) })
		}
	}
	failures = append(failures, r.renew(ctx, others))
	done()
	serving.Wait()
	return errors.Join(failures...)
}

func (r *renewer) holds(ca string) bool {
	return slices.Contains(r.state.Identity.Holds, keys.CAKeys()[ca])
}

// due are the certificates to renew: those that this host can sign, and others.
func (r *renewer) due(ctx context.Context) (own, others []due, err error) {
	kind, err := r.Kind(cert.Kind)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range r.config.Certs {
		var spec cert.Spec
		if err := json.Unmarshal(w.Spec, &spec); err != nil {
			return nil, nil, fmt.Errorf("reading spec of %s: %w", w.Address.ID(), err)
		}
		spec = cert.Early(spec)
		early := resource.New(w.Address.Host, cert.Kind, w.Address.Name, spec)
		w.Spec = early.Spec
		have, err := kind.Observe(ctx, r.System(), w.Address.Name, w.Spec)
		if err != nil {
			return nil, nil, fmt.Errorf("observing %s: %w", w.Address.ID(), err)
		}
		changes, err := kind.Diff(w.Address.Name, w.Spec, have)
		if err != nil {
			return nil, nil, fmt.Errorf("comparing %s: %w", w.Address.ID(), err)
		}
		switch {
		case len(changes) == 0:
		case r.holds(spec.CA):
			own = append(own, due{w, spec})
		case cert.Signer(spec.CA) != "":
			others = append(others, due{w, spec})
		default:
			r.say("%s is due; the next apply renews it: no host can sign for authority %s here", w.Address.Name, spec.CA)
		}
	}
	return own, others, nil
}

// renew has certificates signed, and then, under the lock, puts them in place.
func (r *renewer) renew(ctx context.Context, list []due) error {
	if len(list) == 0 {
		return nil
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	pairs, failures := map[string]cert.Pair{}, []error{}
	for _, d := range list {
		all.Go(func() {
			pair, err := cert.Issue(ctx, r.signedBy(d.spec.CA), d.spec)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures = append(failures, fmt.Errorf("renewing %s: %w", d.resource.Address.Name, err))
				return
			}
			pairs[d.resource.Address.Name] = pair
		})
	}
	all.Wait()
	list = slices.DeleteFunc(list, func(d due) bool { _, ok := pairs[d.resource.Address.Name]; return !ok })
	if len(list) == 0 {
		return errors.Join(failures...)
	}
	return errors.Join(append(failures, r.put(ctx, list, pairs))...)
}

// signedBy is the host with somebody who signs for the authority.
func (r *renewer) signedBy(ca string) *system.System {
	s := r.System()
	return &system.System{Files: s.Files, Runner: s.Runner, Units: s.Units, Blobs: s.Blobs, Now: s.Now, Point: s.Point, Signer: r.signer(ca)}
}

// put is a small apply: locked, recorded, and with the restarts that are needed.
func (r *renewer) put(ctx context.Context, list []due, pairs map[string]cert.Pair) error {
	options := r.options
	options.Kinds = slices.Concat(options.Kinds, []resource.Kind[*system.System]{cert.Ready(pairs)}) // the last of a name counts
	s := agent.NewAlone(options)
	state, err := s.State()
	if err != nil {
		return err
	}
	params := api.LockParams{Holder: "the renewal timer of " + r.config.Host, Doing: "renewing certificates",
		Epoch: state.Epoch + 1, UUID: r.state.Identity.UUID, Brief: true}
	result, err := s.Lock(ctx, params)
	if err != nil {
		return err
	}
	if !result.Granted {
		r.say("not now: %s works on this host; the timer tries again", result.Holder)
		return nil
	}
	defer func() { _ = s.Close() }() // writes are synced as they are made
	for _, d := range list {
		if err := r.place(ctx, s, params.Epoch, d); err != nil {
			return err
		}
	}
	return nil
}

func (r *renewer) place(ctx context.Context, s *agent.Alone, epoch uint64, d due) error {
	var units []string
	for _, trigger := range d.resource.Triggers {
		units = append(units, trigger.Unit)
	}
	if len(units) > 0 {
		if err := r.healthy(ctx, s, time.Second); err != nil {
			return fmt.Errorf("not renewing %s, which restarts %v: %w", d.resource.Address.Name, units, err)
		}
	}
	if err := s.Apply(ctx, epoch, d.resource); err != nil {
		return err
	}
	r.say("renewed %s", d.resource.Address.Name)
	for _, unit := range units {
		did, err := s.Act(ctx, epoch, unit)
		if err != nil {
			return err
		}
		if did != "" {
			r.say("%s of %s", did, unit)
		}
	}
	if len(units) > 0 {
		return r.healthy(ctx, s, 2*time.Minute)
	}
	return nil
}

// healthy waits until the host's etcd and API server, if it has them, say that
// they work.
func (r *renewer) healthy(ctx context.Context, s *agent.Alone, within time.Duration) error {
	for _, gate := range r.config.Gates {
		if err := s.Probe(ctx, api.ProbeParams{URL: gate.URL, CA: gate.CA, Within: within}); err != nil {
			return err
		}
	}
	return nil
}
