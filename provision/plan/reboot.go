package plan

import (
	"maps"
	"slices"
	"strings"

	"provision/provision/desired"
	"provision/provision/resource"
	"provision/provision/resource/uncordon"
)

// Boot is the boot of a host that is to end.
type Boot struct {
	ID string
	// Why the host needs another; empty when somebody wants it.
	Why []string
}

// RebootKind is the kind in the addresses of steps that reboot a host.
const RebootKind = "reboot"

// RebootAddress is the step that reboots a host.
func RebootAddress(host string) resource.Address {
	return resource.Address{Host: host, Kind: RebootKind, Name: host}
}

// RebootsKind is the kind in the address of the step that forgets which hosts
// were to reboot.
const RebootsKind = "reboots"

// RebootsAddress is the step that notes that all reboots are done. Until then
// the hosts that were rebooted already are not rebooted again.
func RebootsAddress(cluster string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: RebootsKind, Name: cluster}
}

// reboots plans the reboots that were asked for: last on their hosts. What else
// is to be done there is no part of them.
func (b *builder) reboots() {
	before := map[string][]resource.Address{}
	for host := range b.in.Reboots {
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
		own, boot := RebootAddress(host), b.in.Reboots[host]
		changes := []resource.Change{{Field: "boot", Old: boot.ID, New: "another"}}
		if len(boot.Why) > 0 {
			changes = append(changes, resource.Change{Field: "because", New: strings.Join(boot.Why, "; ")})
		}
		b.put(Step{Address: own, Action: Reboot, Changes: changes})
		b.turns[own] = before[host]
	}
	if len(before) > 0 || b.in.RebootsOpen {
		b.put(Step{Address: RebootsAddress(b.in.Cluster), Action: Update,
			Changes: []resource.Change{{Field: "reboots", Old: "asked for", New: "done"}}})
	}
}

// rebooted lets the note that all reboots are done wait for that: their hosts
// take pods again.
func rebooted(p *Plan) {
	var ends []resource.Address
	for _, s := range p.Steps {
		if s.Address.Kind == RebootKind || s.Address.IsCluster() && (s.Address.Kind == uncordon.Name || s.Address.Kind == desired.GateKind) {
			ends = append(ends, s.Address)
		}
	}
	for i, s := range p.Steps {
		if s.Address.IsCluster() && s.Address.Kind == RebootsKind {
			p.Steps[i].Requires = dedupe(append(slices.Clip(s.Requires), ends...))
		}
	}
}
