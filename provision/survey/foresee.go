package survey

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"provision/provision/access"
	"provision/provision/plan"
	"provision/provision/resource/drain"
)

// Foresee warns of pods that will stop a drain. Whether they do is decided when
// the drain's turn comes: pods come and go.
func (sv *Surveyor) Foresee(ctx context.Context, s *Survey, p *plan.Plan) {
	if s.unreached != nil || sv.Fleet.Inventory.Rollout.EvictUnmanaged {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, access.ReachBudget)
	defer cancel()
	env, err := sv.API.Env(ctx)
	if err != nil {
		return // the drain will say so
	}
	found := map[string]string{}
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, observers)
	for _, step := range p.Steps {
		guard := s.Graph.Guards[step.Address.Name]
		if step.Address != guard.Drain.Address {
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			_, unmanaged, err := env.Pods.Evictable(ctx, step.Address.Name)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && len(unmanaged) > 0 {
				found[step.Address.Name] = drain.Names(unmanaged)
			}
		})
	}
	all.Wait()
	for _, host := range slices.Sorted(maps.Keys(found)) {
		p.Warnings = append(p.Warnings, fmt.Sprintf("Node %s cannot be drained, so the rollout will stop there: no controller would recreate these pods: %s; move or delete them, or set rollout { evict_unmanaged = true }", host, found[host]))
	}
}
