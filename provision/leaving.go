package provision

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"provision/provision/agent/api"
	"provision/provision/component"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/desired"
	"provision/provision/facts"
	"provision/provision/fleet"
	"provision/provision/inventory"
	"provision/provision/plan"
	"provision/provision/resource"
	"provision/provision/resource/drain"
	"provision/provision/resource/etcdmember"
	"provision/provision/resource/node"
)

// departure is a host that leaves the cluster, or loses roles in it.
type departure struct {
	host  inventory.Host // with the roles that it had
	whole bool           // it left the inventory
	gone  bool           // it does not answer, and the operator said to forget it
	// What it loses.
	node, member, master bool
}

// dialLeavers reaches the hosts that the roster knows and the inventory does
// not, by what the roster says. They take part with no roles. One that does not
// answer is left as it is, unless the operator said to forget it.
func (o *Operator) dialLeavers(ctx context.Context) {
	known := o.fleet.Known()
	var list []inventory.Host
	for _, entry := range known {
		if _, listed := o.Inventory.Host(entry.Name); listed {
			continue
		}
		if h, err := rosterMember(entry); err == nil {
			list = append(list, o.asListed(h))
		}
	}
	list = append(list, o.unlisted(known)...)
	o.leaving, o.silent = map[string]departure{}, map[string]error{}
	fleet.Spread(list, func(h inventory.Host) {
		d := departure{host: h, whole: true, gone: slices.Contains(o.forgotten, h.Name)}
		m, err := o.dialOne(ctx, h)
		if err != nil && h.Jump != "" && h.Jump != o.Inventory.SSH.Jump() {
			// Its bastion may be gone, and the way be that of all others by now.
			h.Jump = ""
			if other, failed := o.dialOne(ctx, h); failed == nil {
				m, err = other, nil
			}
		}
		switch {
		case err == nil:
			m.Host.Roles = nil
		case !d.gone:
			o.leave(h.Name, departure{host: h, whole: true}, nil, err)
			return
		}
		o.leave(h.Name, d, m, nil)
	})
}

// leave notes what became of a host that left the inventory.
func (o *Operator) leave(name string, d departure, m *fleet.Member, err error) {
	o.leavers.Lock()
	defer o.leavers.Unlock()
	if reset, err := o.unfitForReset(name, m, err); reset {
		o.silent[name] = err
		return
	}
	if err != nil {
		o.silent[name] = fmt.Errorf("it left the inventory and does not answer, so it is not removed: %w; if it never will again: provision node remove --force %s", err, name)
		return
	}
	if m != nil {
		switch id := m.Facts.Owned.Identity; {
		case id == nil || o.decision.Identity == nil || id.UUID != o.decision.Identity.UUID:
			_ = m.Agent.Close() // another machine by now, or another cluster's: nothing there is ours
		case d.gone:
			_ = m.Agent.Close()
			o.silent[name] = errors.New("it answers, so it is not forgotten: its pods would not be drained, and its kubelet would go on with the cluster's certificates. Remove it without --force; if that cannot work, power it off first")
			return
		default:
			o.fleet.Members[name] = m
		}
	}
	d.node, d.member, d.master = d.host.Joins(), d.host.Has(inventory.RoleEtcd), d.host.Has(inventory.RoleMaster)
	o.leaving[name] = d
}

// rosterMember is a host as the roster tells it. Hosts write rosters, so its
// address is checked.
func rosterMember(entry facts.RosterHost) (inventory.Host, error) {
	address, err := netip.ParseAddr(entry.Address)
	if err != nil {
		return inventory.Host{}, fmt.Errorf("reading the roster: host %s: %w", entry.Name, err)
	}
	h := inventory.Host{Name: entry.Name, Address: address, User: entry.User, Port: entry.Port, HostKey: entry.HostKey, Jump: entry.Jump}
	for _, role := range entry.Roles {
		h.Roles = append(h.Roles, inventory.Role(role))
	}
	return h, nil
}

// loseRoles finds hosts of the inventory that run what their roles no longer
// ask for.
func (o *Operator) loseRoles() {
	for _, h := range o.fleet.Answered(o.Inventory) {
		owns := map[string]bool{}
		for _, r := range o.fleet.Members[h.Name].Facts.Owned.Resources {
			owns[r.ID] = true
		}
		unit := func(name string) bool { return owns[component.UnitAt("", name).ID()] }
		d := departure{host: h,
			node:   unit("kubelet.service") && !h.Joins(),
			member: unit(etcdcomponent.Unit) && !h.Has(inventory.RoleEtcd),
			master: unit("kube-apiserver.service") && !h.Has(inventory.RoleMaster)}
		if d.node || d.member || d.master {
			o.leaving[h.Name] = d
		}
	}
}

func (o *Operator) mastersLeave() bool {
	for _, d := range o.leaving {
		if d.master {
			return true
		}
	}
	return false
}

// depart has a host give the cluster's identity up.
func (o *Operator) depart(ctx context.Context, host string, epoch uint64) error {
	_, err := o.fleet.Members[host].Agent.Identity(ctx, api.IdentityParams{
		Act: "leave", Epoch: epoch, UUID: o.decision.Identity.UUID, Cluster: o.decision.Identity.Cluster})
	return err
}

// gateBalancers is passed when no balancer sends requests to masters that go.
const gateBalancers = "balancers"

// leaves says what surrounds the removals, for the plan.
func (o *Operator) leaves() map[string]plan.Leave {
	leaves := map[string]plan.Leave{}
	for name, d := range o.leaving {
		leave := plan.Leave{Whole: d.whole, Gone: d.gone || o.fleet.Members[name] == nil}
		if d.node {
			leave.First = append(leave.First, drainAt(name))
			leave.Last = append(leave.Last, component.NodeAt(name))
		}
		if d.member {
			leave.First = append(leave.First, component.MemberAt(name))
		}
		if d.master {
			leave.First = append(leave.First, desired.GateAddress(gateBalancers))
		}
		leaves[name] = leave
	}
	return leaves
}

func drainAt(host string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: drain.Name, Name: host}
}

// absents are the cluster's own traces of hosts that go: their Nodes, emptied
// first, and their etcd members, one after the other, once all that join vote.
func (o *Operator) absents(voters []resource.Resource) []resource.Resource {
	api := desired.GateAddress(gateAPI)
	var list []resource.Resource
	var before []resource.Address
	for _, r := range voters {
		before = append(before, r.Address)
	}
	for _, name := range slices.Sorted(maps.Keys(o.leaving)) {
		d := o.leaving[name]
		if d.node {
			absent := resource.New(resource.ClusterHost, node.Name, name, node.Spec{Absent: true}).After(api)
			if !d.gone {
				empty := resource.New(resource.ClusterHost, drain.Name, name, o.draining()).After(api)
				empty.Component = "nodes"
				list = append(list, empty)
				absent = absent.After(empty.Address)
			}
			absent.Component = "nodes"
			list = append(list, absent)
		}
		if d.member {
			spec := etcdmember.Spec{Member: name, PeerURLs: []string{etcdcomponent.PeerURL(d.host)}, Role: etcdmember.Absent}
			absent := resource.New(resource.ClusterHost, etcdmember.Name, name, spec).After(before...)
			absent.Component = "etcd"
			before = []resource.Address{absent.Address}
			list = append(list, absent)
		}
	}
	return list
}
