package provision

import (
	"context"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/doctor"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/unit"
)

// question is where a host's services answer while they live.
func (e *expectation) question() []api.Live {
	var all []api.Live
	for _, live := range e.live {
		if slices.ContainsFunc(e.units, func(w doctor.Want) bool { return w.Unit == live.Unit }) {
			all = append(all, api.Live{URL: live.URL, CA: live.CA})
		}
	}
	return all
}

// silent are the units that take connections and say nothing. What relays to
// the API says nothing either while that hangs.
func (e *expectation) silent(urls []string, api bool) []string {
	var units []string
	for _, live := range e.live {
		if slices.Contains(urls, live.URL) && (api || !live.Relay) {
			units = append(units, live.Unit)
		}
	}
	return units
}

// unmade are the wanted units that the host's ledger does not have: no apply
// came as far as starting them.
func (e *expectation) unmade(owned []facts.Resource) []string {
	var units []string
	for _, w := range e.units {
		id := resource.Address{Kind: unit.Kind, Name: w.Unit}.ID()
		if !slices.ContainsFunc(owned, func(r facts.Resource) bool { return r.ID == id }) {
			units = append(units, w.Unit)
		}
	}
	return units
}

// reachTried bounds the look from a host to the API servers.
const reachTried = 10 * time.Second

// reachAPI tries from a host whether any API server takes a connection.
func (o *Operator) reachAPI(ctx context.Context, m *member) (reaches, cut bool) {
	params := api.ReachParams{Nonce: strings.Repeat("0", 32), Within: reachTried}
	for _, h := range o.Inventory.With(inventory.RoleMaster) {
		params.Targets = append(params.Targets, api.Target{Address: apiServer(h), Live: true})
	}
	result, err := m.agent.Reach(ctx, params)
	if err != nil || len(params.Targets) == 0 {
		return false, false
	}
	reaches = len(result.Failed) < len(params.Targets)
	return reaches, !reaches
}
