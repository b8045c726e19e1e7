package survey

import (
	"maps"
	"slices"

	"provision/provision/component"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/desired"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/drain"
	"provision/provision/resource/etcdmember"
	"provision/provision/resource/node"
)

func (sv *Surveyor) mastersLeave() bool {
	for _, d := range sv.Fleet.Leaving {
		if d.Master {
			return true
		}
	}
	return false
}

// GateBalancers is passed when no balancer sends requests to masters that go.
const GateBalancers = "balancers"

// leaves says what surrounds the removals, for the plan.
func (sv *Surveyor) leaves() map[string]plan.Leave {
	leaves := map[string]plan.Leave{}
	for name, d := range sv.Fleet.Leaving {
		leave := plan.Leave{Whole: d.Whole, Gone: d.Gone || sv.Fleet.Members[name] == nil}
		if d.Node {
			leave.First = append(leave.First, DrainAt(name))
			leave.Last = append(leave.Last, component.NodeAt(name))
		}
		if d.Member {
			leave.First = append(leave.First, component.MemberAt(name))
		}
		if d.Master {
			leave.First = append(leave.First, desired.GateAddress(GateBalancers))
		}
		leaves[name] = leave
	}
	return leaves
}

func DrainAt(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: drain.Name, Name: host}
}

// absents are the cluster's own traces of hosts that go: their Nodes, emptied
// first, and their etcd members, one after the other, once all that join vote.
func (sv *Surveyor) absents(voters []resource.Resource) []resource.Resource {
	api := desired.GateAddress(GateAPI)
	var list []resource.Resource
	var before []resource.Address
	for _, r := range voters {
		before = append(before, r.Address)
	}
	for _, name := range slices.Sorted(maps.Keys(sv.Fleet.Leaving)) {
		d := sv.Fleet.Leaving[name]
		if d.Node {
			absent := resource.New(resource.ClusterHost, node.Name, name, node.Spec{Absent: true}).After(api)
			if !d.Gone {
				empty := resource.New(resource.ClusterHost, drain.Name, name, sv.draining()).After(api)
				empty.Component = "nodes"
				list = append(list, empty)
				absent = absent.After(empty.Address)
			}
			absent.Component = "nodes"
			list = append(list, absent)
		}
		if d.Member {
			spec := etcdmember.Spec{Member: name, PeerURLs: []string{etcdcomponent.PeerURL(d.Host)}, Role: etcdmember.Absent}
			absent := resource.New(resource.ClusterHost, etcdmember.Name, name, spec).After(before...)
			absent.Component = "etcd"
			before = []resource.Address{absent.Address}
			list = append(list, absent)
		}
	}
	return list
}
