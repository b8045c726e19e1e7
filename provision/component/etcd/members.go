package etcd

import (
	"maps"
	"slices"
	"strconv"

	"provision/provision/cluster"
	"provision/provision/component"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/etcdmember"
)

// Known is what etcd's members told before a plan.
type Known struct {
	// Members are those that a newcomer will find, by name → peer URL; empty when
	// nobody joins or the cluster is new.
	Members map[string]string
	// Rejoining are the hosts that join a cluster that has formed, and have no data in
	// their place but those of a member that it removed: its id, in hex, or "".
	Rejoining map[string]string
	// Lost are hosts whose data are lost, with the id of their member.
	Lost map[string]string
}

// KnownOf is what a cluster's etcd told.
func KnownOf(c *component.Cluster) Known { return component.Learned[Known](c, Name) }

// Formed reports whether etcd of this cluster is known to have formed. From
// then on a host without data never starts etcd as if the cluster were new.
func Formed(c *component.Cluster) bool { return c.Identity.EtcdClusterID != "" }

// fill takes in the members: not those of hosts that join anew, which are
// replaced.
func (k *Known) fill(inv *inventory.Inventory, members []cluster.Member) {
	k.Members, k.Lost = map[string]string{}, map[string]string{}
	for _, m := range members {
		if len(m.PeerURLs) == 0 {
			continue
		}
		host := memberHost(inv, m)
		if _, rejoins := k.Rejoining[host]; !rejoins {
			k.Members[host] = m.PeerURLs[0]
		} else if m.Name != "" {
			k.Lost[host] = strconv.FormatUint(m.ID, 16)
		}
	}
}

// memberHost is the host of a member; one that has not started has no name yet.
func memberHost(inv *inventory.Inventory, m cluster.Member) string {
	if m.Name != "" {
		return m.Name
	}
	for _, h := range inv.With(inventory.RoleEtcd) {
		if slices.Contains(m.PeerURLs, peerURL(h)) {
			return h.Name
		}
	}
	return strconv.FormatUint(m.ID, 16)
}

// Clusterwide implements component.Clusterwide. Every etcd host that takes part is
// a voter once its etcd runs. One that joins is made known to the others, as a
// learner, before; one after the other, because etcd takes one learner at a time:
// a killed run may have left one. Those that go leave one after the other, once
// all that join vote.
func (etcd) Clusterwide(c *component.Cluster) (component.Wide, error) {
	w := component.Wide{Leaves: map[string]component.Leave{}}
	known := KnownOf(c)
	before := voters(c, known)
	var all []resource.Address
	add := func(r resource.Resource) {
		w.Resources = append(w.Resources, r)
		all = append(all, r.Address)
	}
	for _, h := range c.Answered() {
		if !h.Has(inventory.RoleEtcd) {
			continue
		}
		spec := etcdmember.Spec{Member: h.Name, PeerURLs: []string{peerURL(h)}, Role: etcdmember.Voter, Replaces: known.Lost[h.Name]}
		voter := component.MemberAt(h.Name)
		if _, member := known.Members[h.Name]; len(known.Members) > 0 && !member {
			first := spec
			first.Role = etcdmember.Learner
			add(resource.New(resource.ClusterHost, etcdmember.Name, component.LearnerAt(h.Name).Name, first).
				After(DataAt(c.Inventory, h.Name)).After(before...))
			before = append(before[:len(before):len(before)], voter)
		}
		add(resource.New(resource.ClusterHost, etcdmember.Name, voter.Name, spec).After(component.UnitAt(h.Name, Unit)))
	}
	for _, l := range c.Losing(Name) {
		spec := etcdmember.Spec{Member: l.Host.Name, PeerURLs: []string{peerURL(l.Host)}, Role: etcdmember.Absent}
		absent := resource.New(resource.ClusterHost, etcdmember.Name, l.Host.Name, spec).After(all...)
		all = []resource.Address{absent.Address}
		w.Resources = append(w.Resources, absent)
		w.Leaves[l.Host.Name] = component.Leave{First: []resource.Address{absent.Address}}
	}
	return w, nil
}

// voters are the members that etcd has, of hosts that take part.
func voters(c *component.Cluster, known Known) []resource.Address {
	var list []resource.Address
	for _, name := range slices.Sorted(maps.Keys(known.Members)) {
		_, answered := c.Facts[name]
		if h, listed := c.Inventory.Host(name); listed && answered && h.Has(inventory.RoleEtcd) {
			list = append(list, component.MemberAt(name))
		}
	}
	return list
}
