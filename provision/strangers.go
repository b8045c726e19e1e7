package provision

import (
	"fmt"
	"strings"

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
	known, _ := o.lastRoster()
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

// unconfirmed refuses to go on with workers alone: who belongs to the cluster,
// and where, is known to masters and etcd hosts only. When the machines at
// their addresses know nothing of it, the addresses are likely to be wrong, and
// every worker would be told them.
func (o *Operator) unconfirmed() []error {
	members := identity.Unconfirmed(o.Inventory, o.owned())
	if len(members) == 0 {
		return nil
	}
	var empty, silent []string
	for _, h := range o.Inventory.Hosts {
		where := fmt.Sprintf("%s (%s)", h.Name, h.Address)
		switch {
		case !keeper(h):
		case o.fleet.members[h.Name] != nil:
			empty = append(empty, where)
		default:
			silent = append(silent, where)
		}
	}
	var lines []string
	if len(empty) > 0 {
		lines = append(lines, "know nothing of it: "+strings.Join(empty, ", "))
	}
	if len(silent) > 0 {
		lines = append(lines, "do not answer: "+strings.Join(silent, ", "))
	}
	return []error{fmt.Errorf("%s belong to cluster %q, but of its masters and etcd hosts none confirms that:\n  %s\nCheck their addresses in the inventory, or bring the hosts up; workers alone are not changed",
		fewNames(members), o.Inventory.Cluster.Name, strings.Join(lines, "\n  "))}
}

// fewNames lists names, the first ones of many.
func fewNames(names []string) string {
	const few = 5
	if len(names) <= few+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
