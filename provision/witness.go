package provision

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"provision/provision/agent/api"
	"provision/provision/event"
	"provision/provision/fleet"
	"provision/provision/inventory"
)

// witnessTime bounds the search for hosts that can keep the record of a reset:
// those of a dead cluster do not answer.
const witnessTime = 5 * time.Second

// keeping is a host that keeps the history.
type keeping interface {
	History(ctx context.Context, params api.HistoryParams) (api.HistoryResult, error)
}

// witnesses are the masters and etcd hosts that a reset of others leaves as they
// are: they only keep its record, and their locks meanwhile.
type witnesses struct {
	agents map[string]fleet.Agent
	epoch  uint64 // under which they were locked
}

// bystanders are the masters and etcd hosts beside those that are reset.
func (o *Operator) bystanders() []inventory.Host {
	if o.fleet.Resetting == nil {
		return nil
	}
	var list []inventory.Host
	for _, h := range o.fleet.Inventory.Hosts {
		if h.Keeper() {
			list = append(list, h)
		}
	}
	return list
}

// witness reaches those that can, and locks them. The reset does not need them:
// whoever does not answer, or is at work for another run, is left out.
func (o *Operator) witness(ctx context.Context, list []inventory.Host, epoch uint64, doing string) *witnesses {
	w := &witnesses{agents: map[string]fleet.Agent{}, epoch: epoch}
	if len(list) == 0 {
		return w
	}
	ctx, cancel := context.WithTimeout(ctx, witnessTime)
	defer cancel()
	var mu sync.Mutex
	found := map[string]*fleet.Member{}
	fleet.Spread(list, func(h inventory.Host) {
		m, err := o.fleet.DialOne(ctx, h)
		if err == nil && !o.ours(m) {
			_ = m.Agent.Close()
			err = errors.New("it is no host of this cluster")
		}
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			o.fleet.Emit(event.Event{Type: event.HostFailed, Host: h.Name, Text: err.Error()})
			return
		}
		o.fleet.Emit(event.Event{Type: event.HostConnected, Host: h.Name})
		found[h.Name] = m
		w.epoch = max(w.epoch, m.Facts.Owned.Epoch+1)
	})
	for _, name := range slices.Sorted(maps.Keys(found)) {
		m := found[name]
		result, err := m.Agent.Lock(ctx, api.LockParams{Holder: o.lock.Holder, Doing: doing, Epoch: w.epoch, UUID: m.Facts.Owned.Identity.UUID, Brief: true})
		if err != nil || !result.Granted {
			_ = m.Agent.Close() // nothing was done there
			continue
		}
		w.agents[name] = m.Agent
	}
	return w
}

// ours reports whether a host belongs to the cluster of those that are reset.
func (o *Operator) ours(m *fleet.Member) bool {
	id := m.Facts.Owned.Identity
	if id == nil {
		return false
	}
	if o.fleet.Decision.Identity == nil {
		return id.Cluster == o.fleet.Inventory.Cluster.Name
	}
	return id.UUID == o.fleet.Decision.Identity.UUID
}

func (w *witnesses) close() {
	for _, agent := range w.agents {
		_ = agent.Close() // the record is kept, or a warning said that it is not
	}
}

// unrecorded says that nobody is left who could tell of a reset.
func (o *Operator) unrecorded() {
	text := "No history tells of this reset: no other master or etcd host of the cluster answered in time, free for it"
	if o.fleet.Resetting == nil {
		text = "No history tells of this reset any more: the cluster's history went with its masters and etcd hosts"
	}
	o.fleet.Emit(event.Event{Type: event.Warning, Text: text})
}
