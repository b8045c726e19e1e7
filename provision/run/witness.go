package run

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

// Witnesses are the masters and etcd hosts that a reset of others leaves as they
// are: they only keep its record, and their locks meanwhile.
type Witnesses struct {
	Agents map[string]fleet.Agent
	Epoch  uint64 // under which they were locked
}

// Bystanders are the masters and etcd hosts beside those that are reset.
func (rn *Runner) Bystanders() []inventory.Host {
	if rn.Fleet.Resetting == nil {
		return nil
	}
	var list []inventory.Host
	for _, h := range rn.Fleet.Inventory.Hosts {
		if h.Keeper() {
			list = append(list, h)
		}
	}
	return list
}

// Witness reaches those that can, and locks them. The reset does not need them:
// whoever does not answer, or is at work for another run, is left out.
func (rn *Runner) Witness(ctx context.Context, list []inventory.Host, epoch uint64, doing string) *Witnesses {
	w := &Witnesses{Agents: map[string]fleet.Agent{}, Epoch: epoch}
	if len(list) == 0 {
		return w
	}
	ctx, cancel := context.WithTimeout(ctx, witnessTime)
	defer cancel()
	var mu sync.Mutex
	found := map[string]*fleet.Member{}
	fleet.Spread(list, func(h inventory.Host) {
		m, err := rn.Fleet.DialOne(ctx, h)
		if err == nil && !rn.ours(m) {
			_ = m.Agent.Close()
			err = errors.New("it is not a host of this cluster")
		}
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			rn.Fleet.Emit(event.Event{Type: event.HostFailed, Host: h.Name, Text: err.Error()})
			return
		}
		rn.Fleet.Emit(event.Event{Type: event.HostConnected, Host: h.Name})
		found[h.Name] = m
		w.Epoch = max(w.Epoch, m.Facts.Owned.Epoch+1)
	})
	for _, name := range slices.Sorted(maps.Keys(found)) {
		m := found[name]
		result, err := api.Lock.Call(ctx, m.Agent, api.LockParams{Holder: rn.Lock.Holder, Doing: doing, Epoch: w.Epoch, UUID: m.Facts.Owned.Identity.UUID, Brief: true})
		if err != nil || !result.Granted {
			_ = m.Agent.Close() // nothing was done there
			continue
		}
		w.Agents[name] = m.Agent
	}
	return w
}

// ours reports whether a host belongs to the cluster of those that are reset.
func (rn *Runner) ours(m *fleet.Member) bool {
	id := m.Facts.Owned.Identity
	if id == nil {
		return false
	}
	if rn.Fleet.Decision.Identity == nil {
		return id.Cluster == rn.Fleet.Inventory.Cluster.Name
	}
	return id.UUID == rn.Fleet.Decision.Identity.UUID
}

func (w *Witnesses) Close() {
	for _, agent := range w.Agents {
		_ = agent.Close() // the record is kept, or a warning said that it is not
	}
}

// Unrecorded says that nobody is left who could tell of a reset.
func (rn *Runner) Unrecorded() {
	text := "No history records this reset: no other master or etcd host of the cluster answered in time with a free lock"
	if rn.Fleet.Resetting == nil {
		text = "No history records this reset: the cluster's history went with its masters and etcd hosts"
	}
	rn.Fleet.Emit(event.Event{Type: event.Warning, Text: text})
}
