package desired

import (
	"fmt"
	"maps"
	"slices"

	"provision/provision/resource"
)

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
