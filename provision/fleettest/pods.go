package fleettest

import (
	"context"

	"provision/provision/cluster"
)

type pods struct{ *API }

// Run puts pods on a Node; a drain takes them away.
func (a *API) Run(node string, list ...cluster.Pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pods == nil {
		a.pods = map[string][]cluster.Pod{}
	}
	a.pods[node] = append(a.pods[node], list...)
}

// Drained are the Nodes that were drained, in order.
func (a *API) Drained() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.drained...)
}

func (p pods) Evictable(_ context.Context, node string) (list, unmanaged []cluster.Pod, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]cluster.Pod(nil), p.pods[node]...), nil, p.down
}

func (p pods) Drain(_ context.Context, node string, _ cluster.Drain) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pods, node)
	p.drained = append(p.drained, node)
	return p.down
}
