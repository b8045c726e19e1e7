package checkup

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"provision/provision/agent/api"
	"provision/provision/component"
	"provision/provision/doctor"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/unit"
)

// question is where a host's services answer while they live.
func (e *Expectation) question() []api.Live {
	var all []api.Live
	for _, live := range e.live {
		if slices.ContainsFunc(e.Units, func(w doctor.Want) bool { return w.Unit == live.Unit }) {
			all = append(all, api.Live{URL: live.URL, CA: live.CA})
		}
	}
	return all
}

// Silent are the units that take connections and say nothing. What relays to
// the API says nothing either while that hangs.
func (e *Expectation) Silent(urls []string, api bool) []string {
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
func (e *Expectation) unmade(owned []facts.Resource) []string {
	var units []string
	for _, w := range e.Units {
		id := resource.Address{Kind: unit.Kind, Name: w.Unit}.ID()
		if !slices.ContainsFunc(owned, func(r facts.Resource) bool { return r.ID == id }) {
			units = append(units, w.Unit)
		}
	}
	return units
}

// reachTried bounds the look from a host to the API servers.
const reachTried = 10 * time.Second

// serviceTries is how often the service address is tried: it leads to any one of
// the API servers, and goes on leading to one that died for some seconds.
const serviceTries = 3

// reached says what takes connections from a host.
type reached struct {
	// api and cut: an API server does, or none does.
	api, cut bool
	// noService: all API servers do, and their service address never does.
	noService bool
}

// reachAPI tries from a host the API servers and the address of their service.
func reachAPI(ctx context.Context, m *fleet.Member, inv *inventory.Inventory) reached {
	params := api.ReachParams{Nonce: strings.Repeat("0", 32), Within: reachTried}
	for _, h := range inv.With(inventory.RoleMaster) {
		params.Targets = append(params.Targets, api.Target{Address: component.APIServer(h), Live: true})
	}
	masters := len(params.Targets)
	service := netip.AddrPortFrom((&component.Cluster{Inventory: inv}).ServiceIP(), servicePort).String()
	for range serviceTries {
		params.Targets = append(params.Targets, api.Target{Address: service, Live: true})
	}
	result, err := api.Reach.Call(ctx, m.Agent, params)
	if err != nil || masters == 0 {
		return reached{}
	}
	lost := 0
	for _, f := range result.Failed {
		if f.Target < masters {
			lost++
		}
	}
	return reached{api: lost < masters, cut: lost == masters, noService: lost == 0 && len(result.Failed) == serviceTries}
}

// servicePort is that of the kubernetes service.
const servicePort = 443
