package plan

import (
	"maps"
	"slices"

	"provision/provision/resource"
)

// RebootKind is the kind in the addresses of steps that reboot a host.
const RebootKind = "reboot"

// RebootAddress is the step that reboots a host.
func RebootAddress(host string) resource.Address {
	return resource.Address{Host: host, Kind: RebootKind, Name: host}
}

// reboots plans the reboots that were asked for: last on their hosts.
func (b *builder) reboots() {
	before := map[string][]resource.Address{}
	for _, host := range b.in.Reboots {
		leave, leaves := b.in.Leaving[host]
		if seen, known := b.in.Hosts[host]; known && seen.Err == nil && (!leaves || !leave.Whole) {
			before[host] = nil
		}
	}
	for _, a := range b.order {
		if _, reboots := before[a.Host]; reboots {
			before[a.Host] = append(before[a.Host], a)
		}
	}
	for _, host := range slices.Sorted(maps.Keys(before)) {
		b.put(Step{Address: RebootAddress(host), Action: Reboot, Requires: before[host],
			Changes: []resource.Change{{Field: "host", New: "rebooted"}}})
	}
}
