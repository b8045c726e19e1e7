package lock

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"provision/provision/internal/wire"
)

// Holding is the lock that a run has.
type Holding struct {
	o   *Lock
	end context.CancelCauseFunc
	all sync.WaitGroup

	mu    sync.Mutex
	alive []string // hosts whose lock the run has
	away  []string // of those, the hosts that reboot: nobody has their lock
}

// hold watches over the lock that a run has. When so many of its holders are
// lost that another operator can have it, the run ends: its context does, and
// all sessions, so that nothing is written any more.
func (l *Lock) hold(ctx context.Context, names []string) (held context.Context, release func()) {
	held, cancel := context.WithCancelCause(ctx)
	h := &Holding{o: l, end: cancel, alive: slices.Clone(names)}
	l.Held = h
	keepers, _ := l.Fleet.Split(names)
	for _, name := range keepers {
		h.all.Go(func() {
			select {
			case <-l.Fleet.Members[name].Agent.Done():
				h.lose(held, name, fmt.Errorf("lost the cluster's lock with host %s: it may not have heard this run for %.0f s, so another operator may hold the lock; apply again: at once if this run was suspended, else when the host answers",
					name, wire.Silence.Seconds()))
			case <-held.Done():
			}
		})
	}
	return held, func() {
		cancel(nil)
		h.all.Wait()
	}
}

// lose notes that the lock of a host is lost. Those that reboot count as lost,
// too, from then on: whoever has both may be most.
func (h *Holding) lose(held context.Context, name string, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alive = without(h.alive, name)
	h.away = without(h.away, name)
	if held.Err() != nil || h.o.majority(without(h.alive, h.away...)) == nil {
		return
	}
	h.end(fmt.Errorf("stopped: %w", why))
	h.o.Fleet.Close()
}

// Leave lets the lock of a host go for the time of its reboot. While the run has
// the locks of all others, nobody else can be most of them.
func (h *Holding) Leave(name string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	others := without(without(h.alive, h.away...), name)
	if host, _ := h.o.Fleet.Inventory.Host(name); host.Keeper() && !h.allBut(name, others) {
		if err := h.o.majority(others); err != nil {
			return fmt.Errorf("cannot reboot host %s, which keeps the cluster's lock: %w", name, err)
		}
	}
	h.away = append(h.away, name)
	return nil
}

// allBut reports whether the run has the locks of all keepers but one.
func (h *Holding) allBut(name string, have []string) bool {
	for _, other := range append(h.o.listedKeepers(), h.o.knownKeepers()...) {
		if other != name && !slices.Contains(have, other) {
			return false
		}
	}
	return true
}

// Give notes that a host that was to reboot is not locked again.
func (h *Holding) Give(ctx context.Context, name string, why error) {
	h.Back(name)
	h.lose(ctx, name, why)
}

// Back notes that a host is locked again.
func (h *Holding) Back(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away = without(h.away, name)
}

func without(list []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(names, name) })
}
