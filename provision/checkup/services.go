package checkup

import (
	"errors"
	"net/netip"

	"provision/provision/bundle"
	"provision/provision/component"
	"provision/provision/facts"
	"provision/provision/inventory"
	"provision/provision/resource/unit"
)

// Services are the units that a host's roles require, as far as the inventory
// alone tells: for a Debian host, in the order in which they are set up.
func Services(inv *inventory.Inventory, components []component.Component, host string) []string {
	h, ok := inv.Host(host)
	if !ok {
		return nil
	}
	debian := facts.Host{Arch: "amd64", Cgroup: 2, OS: facts.OS{ID: "debian", Version: "12", Codename: "bookworm"}}
	c := &component.Cluster{Inventory: inv, Components: components, Facts: map[string]facts.Host{host: debian}, Artifacts: lenient{nothing{}},
		PodCIDRs: map[string]netip.Prefix{host: inv.Network.Pods}}
	var units []string
	for _, part := range components {
		if !part.Runs(c, h) {
			continue
		}
		wanted, err := part.Desired(c, h)
		if err != nil {
			continue // what can be told is better than nothing
		}
		for _, r := range wanted {
			if r.Address.Kind == unit.Kind {
				units = append(units, r.Address.Name)
			}
		}
	}
	return units
}

// nothing is an empty store.
type nothing struct{}

func (nothing) Resolve(bundle.Ref) ([]bundle.Artifact, error) {
	return nil, errors.New("not looked for")
}
