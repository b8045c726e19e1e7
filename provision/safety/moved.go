package safety

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"provision/provision/facts"
	"provision/provision/inventory"
)

// moved are hosts whose address is not theirs, or was another host's.
func (in Input) moved() []error {
	owner := map[string]string{}
	for name, h := range in.Known {
		owner[h.Address] = name
	}
	var bad []error
	for _, h := range in.Inventory.Hosts {
		address := h.Address.String()
		if before, taken := owner[address]; taken && before != h.Name {
			if _, stays := in.Inventory.Host(before); stays {
				bad = append(bad, fmt.Errorf("host %s has address %s, which belongs to %s: addresses of hosts cannot be exchanged (%s)", h.Name, address, before, h.Range))
			}
		}
		if was, ok := in.Known[h.Name]; ok && was.Address != address && h.Has(inventory.RoleEtcd) {
			bad = append(bad, fmt.Errorf("etcd host %s cannot change its address from %s to %s: add a host with the new address under another name (%s)", h.Name, was.Address, address, h.Range))
		}
		if was, ok := in.Known[h.Name]; ok && was.Address != address && h.Keeper() && !h.Has(inventory.RoleEtcd) && !in.answers(h.Name) {
			bad = append(bad, fmt.Errorf("host %s does not answer at %s and was at %s before: all hosts would get an address that may be wrong; correct it, or bring the host up (%s)", h.Name, address, was.Address, h.Range))
		}
		if has := in.Facts[h.Name].Addresses; len(has) > 0 && !hasAddress(has, h.Address) {
			bad = append(bad, fmt.Errorf("host %s does not have address %s (%s); it has %s", h.Name, address, h.Range, listAddresses(has)))
		}
	}
	return bad
}

func hasAddress(list []facts.Address, wanted netip.Addr) bool {
	return slices.ContainsFunc(list, func(a facts.Address) bool {
		prefix, err := netip.ParsePrefix(a.CIDR)
		return err == nil && prefix.Addr().Unmap() == wanted.Unmap()
	})
}

func listAddresses(list []facts.Address) string {
	texts := make([]string, 0, len(list))
	for _, a := range list {
		texts = append(texts, a.CIDR+" on "+a.Interface)
	}
	return strings.Join(texts, ", ")
}
