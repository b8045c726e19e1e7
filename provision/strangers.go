package provision

import (
	"fmt"

	"provision/provision/facts"
	"provision/provision/identity"
)

// owned is what the ledgers of the hosts that answered say.
func (o *Operator) owned() map[string]facts.Owned {
	owned := map[string]facts.Owned{}
	for name, m := range o.fleet.members {
		owned[name] = m.facts.Owned
	}
	return owned
}

// strangers lets machines take no part that answer under the name of a host of
// the cluster and are other machines: the name of a host opens the cluster's
// keys to it. A machine that replaces another is accepted by its host key.
func (o *Operator) strangers() {
	known := o.lastRoster()
	for _, name := range o.fleet.names() {
		entry, ok := known[name]
		if !ok {
			continue
		}
		m := o.fleet.members[name]
		why := identity.Replaced(entry, m.facts.Owned, identity.Machine{ID: m.facts.MachineID, Key: m.agent.HostKey()})
		if why == "" {
			continue
		}
		accepted, err := m.agent.Replaced()
		if accepted {
			continue
		}
		text := fmt.Sprintf("refusing host %s: the machine at %s is not the one that belongs to cluster %q: %s, and it has no ledger of the cluster. If the machine was replaced or reinstalled, run `provision hostkeys accept %s --replaced`; if not, correct the address in the inventory (%s)",
			name, m.host.Address, o.Inventory.Cluster.Name, why, name, m.host.Range)
		if err != nil {
			text += "; " + err.Error()
		}
		o.exclude(name, fmt.Errorf("%s", text))
	}
}
