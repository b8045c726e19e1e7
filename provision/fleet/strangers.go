package fleet

import (
	"fmt"

	"provision/provision/identity"
)

// strangers skips machines that answer under a name of the cluster's hosts but
// are other machines: that name opens the cluster's keys to them. A machine that
// replaces another is accepted by its host key.
func (f *Fleet) strangers() {
	known := f.Known()
	for _, name := range f.Names() {
		entry, ok := known[name]
		if !ok {
			continue
		}
		m := f.Members[name]
		why := identity.Replaced(entry, m.Facts.Owned, identity.Machine{ID: m.Facts.MachineID, Key: m.Agent.HostKey()})
		if why == "" {
			continue
		}
		accepted, err := m.Agent.Replaced()
		if accepted {
			continue
		}
		text := fmt.Sprintf("refusing host %s: the machine at %s is not the one that belongs to cluster %q: %s, and it has no ledger of the cluster. If the machine was replaced or reinstalled, run `provision hostkeys accept %s --replaced`; if not, correct the address in the inventory (%s)",
			name, m.Host.Address, f.Inventory.Cluster.Name, why, name, m.Host.Range)
		if err != nil {
			text += "; " + err.Error()
		}
		f.Exclude(name, fmt.Errorf("%s", text))
	}
}
