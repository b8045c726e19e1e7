package agent

import (
	"context"
	"sync"
	"time"

	"provision/provision/internal/lease"
)

// beatEvery is how often a lease follows what was heard of the operator.
const beatEvery = time.Second

// beat keeps this session's lease while it has the lock or asks for it.
type beat struct {
	dir    string
	silent func() time.Duration // since the operator was heard

	mu    sync.Mutex
	lease *lease.Lease
	state lease.State
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// begin writes the lease, if there is none yet, and returns its name.
func (b *beat) begin(epoch uint64) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lease != nil {
		return b.lease.ID, nil
	}
	self, err := lease.Self()
	if err != nil {
		return "", err
	}
	b.state = lease.State{Heard: b.heard()}
	if b.lease, err = lease.Add(b.dir, epoch, self, b.state); err != nil {
		return "", err
	}
	ctx, stop := context.WithCancel(context.Background()) // ended by end
	b.stop = stop
	b.done.Go(func() { b.follow(ctx) })
	return b.lease.ID, nil
}

func (b *beat) heard() time.Duration { return lease.Clock() - b.silent() }

func (b *beat) follow(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.change(func(state *lease.State) {
				if !state.Over {
					state.Heard = b.heard()
				}
			})
		}
	}
}

// change rewrites the lease if that says something new. A lease that cannot be
// written grows old: others may then end this session, which is safe.
func (b *beat) change(change func(*lease.State)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.state
	change(&b.state)
	if b.lease != nil && b.state != before {
		_ = b.lease.Set(b.state)
	}
}

// held says that this session alone has its epoch on this host.
func (b *beat) held() { b.change(func(state *lease.State) { state.Held = true }) }

// over says that the session has ended and its process is about to.
func (b *beat) over() {
	b.change(func(state *lease.State) { state.Over, state.Heard = true, lease.Clock() })
}

// end removes the lease.
func (b *beat) end() {
	b.mu.Lock()
	stop := b.stop
	b.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	b.done.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lease != nil {
		b.lease.End()
	}
	b.lease, b.stop, b.state = nil, nil, lease.State{}
}
