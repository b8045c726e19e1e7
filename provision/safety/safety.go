package safety

import (
	"fmt"

	"provision/provision/facts"
	"provision/provision/identity"
	"provision/provision/inventory"
)

// Input is what an inventory is held against.
type Input struct {
	Inventory *inventory.Inventory
	Facts     map[string]facts.Host // of the hosts that answered
	// Known is the newest roster by host, and Services its service range; empty
	// when there is none.
	Known    map[string]facts.RosterHost
	Services string
	Founded  bool // the cluster exists
	// Members and Masters are the hosts from which this run takes their etcd
	// member, or their control plane.
	Members, Masters []string
}

// Check says all that is wrong at once.
func Check(in Input) []error {
	owned := map[string]facts.Owned{}
	for name, host := range in.Facts {
		owned[name] = host.Owned
	}
	var bad []error
	bad = append(bad, in.unconfirmed(owned)...)
	bad = append(bad, identity.Unlike(in.Inventory, owned)...)
	bad = append(bad, in.moved()...)
	bad = append(bad, in.shrinks()...)
	bad = append(bad, in.strayData()...)
	bad = append(bad, in.movedData()...)
	if now := in.Inventory.Network.Services.String(); in.Services != "" && in.Services != now {
		bad = append(bad, fmt.Errorf("the service range cannot change from %s to %s: existing services keep their addresses; put services = %q back", in.Services, now, in.Services))
	}
	return bad
}

func (in Input) answers(name string) bool {
	_, ok := in.Facts[name]
	return ok
}
