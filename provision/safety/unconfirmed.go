package safety

import (
	"fmt"
	"strings"

	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/identity"
)

// unconfirmed refuses to go on with workers alone: who belongs to the cluster,
// and where, is known to masters and etcd hosts only. When the machines at
// their addresses know nothing of it, the addresses are likely to be wrong, and
// every worker would be told them.
func (in Input) unconfirmed(owned map[string]facts.Owned) []error {
	members := identity.Unconfirmed(in.Inventory, owned)
	if len(members) == 0 {
		return nil
	}
	var empty, silent []string
	for _, h := range in.Inventory.Hosts {
		where := fmt.Sprintf("%s (%s)", h.Name, h.Address)
		switch {
		case !h.Keeper():
		case in.answers(h.Name):
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
	return []error{fmt.Errorf("%s belong to cluster %q, but none of its masters and etcd hosts confirms that:\n  %s\nCheck their addresses in the inventory, or bring the hosts up; workers alone are not changed",
		event.Few(members), in.Inventory.Cluster.Name, strings.Join(lines, "\n  "))}
}
