package safety

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"provision/provision/component/etcd"
	"provision/provision/inventory"
)

// shrinks refuses to take away what the cluster cannot do without.
func (in Input) shrinks() []error {
	var bad []error
	var voters []voter
	for _, name := range slices.Sorted(maps.Keys(in.Known)) {
		_, err := netip.ParseAddr(in.Known[name].Address) // hosts write rosters
		if err == nil && (in.had(name, inventory.RoleEtcd) || slices.Contains(in.Members, name)) {
			voters = append(voters, voter{name, etcd.HasData(in.Inventory, in.Facts[name])})
		}
	}
	if len(in.Members) > 0 {
		if err := quorum(voters, in.Members); err != nil {
			bad = append(bad, err)
		}
	}
	if len(in.Masters) > 0 && !in.masterStays() {
		bad = append(bad, fmt.Errorf("cannot remove the role master from %s: no other master of the cluster answers; add one or bring one back, apply, then remove this one", strings.Join(in.Masters, ", ")))
	}
	return bad
}

// masterStays reports whether a master that the cluster has already, and keeps,
// answers.
func (in Input) masterStays() bool {
	return slices.ContainsFunc(in.Inventory.With(inventory.RoleMaster), func(h inventory.Host) bool {
		return in.answers(h.Name) && in.had(h.Name, inventory.RoleMaster)
	})
}

// had reports whether a host has had a role since the last apply.
func (in Input) had(name string, role inventory.Role) bool {
	return slices.Contains(in.Known[name].Roles, string(role))
}
