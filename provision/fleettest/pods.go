package fleettest

import (
	"context"
	"slices"

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

// RunAlone puts pods on a Node that no controller would make again.
func (a *API) RunAlone(node string, list ...cluster.Pod) {
	a.Run(node, list...)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.alone == nil {
		a.alone = map[string][]cluster.Pod{}
	}
	a.alone[node] = append(a.alone[node], list...)
}

// Hold keeps pods on a Node, as a PodDisruptionBudget does; nil lets them go.
func (a *API) Hold(node string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held == nil {
		a.held = map[string]error{}
	}
	a.held[node] = err
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
	return slices.Clone(p.pods[node]), slices.Clone(p.alone[node]), p.down
}

func (p pods) Drain(_ context.Context, node string, _ cluster.Drain) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.held[node]; err != nil {
		return err
	}
	delete(p.pods, node)
	delete(p.alone, node)
	p.drained = append(p.drained, node)
	return p.down
}
