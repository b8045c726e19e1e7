package plan

import (
	"maps"
	"slices"

	"provision/provision/resource"
)

// Leave is what surrounds the removals on a host that loses roles, or leaves
// the cluster.
type Leave struct {
	// First are steps of the cluster before anything is taken away: the Node is
	// drained, the etcd member removed, balancers know the master no more.
	First []resource.Address
	// Last are steps of the cluster once nothing is left: the Node is deleted.
	Last []resource.Address
	// Whole: the host leaves. It forgets the cluster, then the cluster forgets
	// the host.
	Whole bool
	// Gone: the host does not answer and never will. Nothing is done on it.
	Gone bool
	// Alone: nobody is left who would have to forget the host, or nobody is asked.
	Alone bool
}

// RosterKind is the kind in the addresses of steps by which a cluster forgets a
// host.
const RosterKind = "roster"

// ForgetAddress is the step that takes a host off the roster.
func ForgetAddress(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: RosterKind, Name: host}
}

// leaves puts the steps around the removals of hosts that lose roles or leave.
// The removals themselves are planned before.
func (b *builder) leaves() {
	for _, host := range slices.Sorted(maps.Keys(b.in.Leaving)) {
		leave := b.in.Leaving[host]
		taken := b.takenFrom(host)
		for _, a := range taken {
			s := b.steps[a]
			s.Requires = append(append([]resource.Address(nil), s.Requires...), leave.First...)
		}
		ends := append([]resource.Address(nil), leave.First...)
		ends = append(ends, taken...)
		if leave.Whole && !leave.Gone && !b.in.Hosts[host].New {
			own := JoinAddress(host, b.in.Cluster)
			b.put(Step{Address: own, Action: Remove, Irreversible: true, Requires: ends,
				Changes: []resource.Change{{Field: "member of", Old: b.in.Cluster, New: "no cluster; its keys and its ledger go"}}})
			ends = append(ends, own)
		}
		for _, a := range leave.Last {
			if s := b.steps[a]; s != nil {
				s.Requires = append(append([]resource.Address(nil), s.Requires...), ends...)
			}
		}
		if leave.Whole && !leave.Alone {
			b.put(Step{Address: ForgetAddress(host), Action: Remove, Requires: append(ends, leave.Last...),
				Changes: []resource.Change{{Field: "host", Old: "member", New: "forgotten"}}})
		}
	}
}

// takenFrom are the steps that take something away from a host.
func (b *builder) takenFrom(host string) []resource.Address {
	var list []resource.Address
	for _, a := range b.order {
		if a.Host == host && b.steps[a].Action == Remove {
			list = append(list, a)
		}
	}
	return list
}
