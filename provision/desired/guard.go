package desired

import (
	"fmt"
	"maps"
	"slices"

	"provision/provision/resource"
)

// Guard is what stands around the changes of a host that need its Node empty.
type Guard struct {
	// Drain empties the Node. It is not among the graph's resources, which are
	// always wanted, but is found by its address. Zero for a host without Node.
	Drain resource.Resource
	// Uncordon is the address of the resource that lets pods in again.
	Uncordon resource.Address
	// Unit is the one whose running shows that the Node has pods, or may.
	Unit string
	// Keeper: the host holds a part of the control plane or of etcd. Such hosts
	// take their turns one by one, before all others.
	Keeper bool
	// Alone: no other Node could take its pods.
	Alone bool
}

// guard makes the drains known without wanting them.
func (g *Graph) guard(guards map[string]Guard) error {
	for _, host := range slices.Sorted(maps.Keys(guards)) {
		drain := guards[host].Drain
		if drain.Address == (resource.Address{}) {
			continue
		}
		if _, dup := g.byAddress[drain.Address]; dup {
			return fmt.Errorf("%s is both a wish and a guard", drain.Address)
		}
		if _, ok := g.byAddress[guards[host].Uncordon]; !ok {
			return fmt.Errorf("nobody wants %s, which is to end the drain of %s", guards[host].Uncordon, host)
		}
		g.byAddress[drain.Address] = drain
	}
	return nil
}
