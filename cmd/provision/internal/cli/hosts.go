package cli

import (
	"fmt"
	"strings"

	"provision/provision/inventory"
)

// KnownHosts refuses names that the inventory does not have.
func KnownHosts(inv *inventory.Inventory, names []string) error {
	for _, name := range names {
		if _, ok := inv.Host(name); !ok {
			return fmt.Errorf("host %q is not in the inventory; its hosts are %s", name, strings.Join(namesOf(inv), ", "))
		}
	}
	return nil
}

func namesOf(inv *inventory.Inventory) []string {
	var names []string
	for _, h := range inv.Hosts {
		names = append(names, h.Name)
	}
	if len(names) > 20 {
		names = append(names[:20], "…")
	}
	return names
}
