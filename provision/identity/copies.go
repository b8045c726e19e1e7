package identity

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/inventory"
)

// held is what hosts hold of an item: those whose copies are the same.
type held struct {
	hosts   []string
	damaged bool
}

// Unlike says which hosts hold copies of the cluster's keys that are damaged,
// or not the same as those of other hosts: such a host was restored from an old
// backup, or somebody changed a file. Its API server could not read what the
// others write, and all others could not read what it writes. Hosts that a
// rotation has not come to yet are not compared.
func Unlike(inv *inventory.Inventory, owned map[string]facts.Owned) []error {
	now := told(inv, owned)
	if now == nil {
		return nil
	}
	byItem := map[string]map[string]*held{}
	for _, host := range inv.Hosts {
		known := owned[host.Name]
		if known.Identity == nil || known.Identity.Generation != now.Generation || known.Unsettled {
			continue
		}
		for _, item := range Items(host) {
			one, ok := known.Copies[item]
			if !ok {
				continue
			}
			if byItem[item] == nil {
				byItem[item] = map[string]*held{}
			}
			same := byItem[item][one.Digest]
			if same == nil {
				same = &held{damaged: one.Damaged}
				byItem[item][one.Digest] = same
			}
			same.hosts = append(same.hosts, host.Name)
		}
	}
	var bad []error
	for _, item := range slices.Sorted(maps.Keys(byItem)) {
		bad = append(bad, unlike(item, slices.Collect(maps.Values(byItem[item])))...)
	}
	return bad
}

// unlike judges the copies of one item: the one that most hosts hold is right.
func unlike(item string, copies []*held) []error {
	slices.SortFunc(copies, func(a, b *held) int {
		if a.damaged != b.damaged {
			return map[bool]int{true: 1, false: -1}[a.damaged]
		}
		if len(a.hosts) != len(b.hosts) {
			return len(b.hosts) - len(a.hosts)
		}
		return strings.Compare(a.hosts[0], b.hosts[0])
	})
	var bad []error
	path := system.IdentityDir + "/" + item
	right := copies[0]
	tie := len(copies) > 1 && !copies[1].damaged && len(copies[1].hosts) == len(right.hosts)
	for i, one := range copies {
		names := strings.Join(one.hosts, ", ")
		switch {
		case right.damaged:
			bad = append(bad, fmt.Errorf("host %s: %s is damaged, and no host has a good copy; restore the file from a backup of the host", names, path))
		case i == 0:
		case one.damaged:
			bad = append(bad, fmt.Errorf("host %s: %s is damaged; remove it there (rm %s) and apply: it is copied from %s", names, path, path, right.hosts[0]))
		case tie:
			bad = append(bad, fmt.Errorf("hosts %s and %s: %s differs, and nothing tells which is right: compare with the files in /etc/kubernetes, remove the wrong one, and apply: it is copied from the other host", strings.Join(right.hosts, ", "), names, path))
		default:
			bad = append(bad, fmt.Errorf("host %s: %s differs from the one on %s. Was the host restored from an old backup? Remove it there (rm %s) and apply: it is copied from %s", names, path, strings.Join(right.hosts, ", "), path, right.hosts[0]))
		}
	}
	return bad
}
