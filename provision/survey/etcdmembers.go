package survey

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"provision/provision/cluster"
	"provision/provision/component"
	etcdcomponent "provision/provision/component/etcd"
	"provision/provision/inventory"
	"provision/provision/resource"
	"provision/provision/resource/etcdmember"
)

// Times for reading etcd's members: when a host must know them to join, and
// when it is only to see whether one was removed.
const (
	joinPatience  = 10 * time.Second
	checkPatience = 3 * time.Second
)

// learnMembers reads the members of an etcd that has formed, and finds the hosts
// that join it: those without data, and those whose member was removed. When
// nobody can tell, hosts without data take no part: a member that started empty
// under its old identity would break etcd's promises.
func (sv *Surveyor) learnMembers(ctx context.Context, s *Survey) error {
	var empty []string
	kept, silent := 0, 0
	for _, h := range sv.Fleet.Inventory.With(inventory.RoleEtcd) {
		switch {
		case sv.Fleet.Members[h.Name] == nil:
			silent++
		case sv.Fleet.HasData(h.Name):
			kept++
		default:
			empty = append(empty, h.Name)
		}
	}
	if !sv.Keys.Formed() {
		return nil
	}
	if kept == 0 && silent == 0 && len(empty) > 0 {
		return sv.gone(empty)
	}
	patience := joinPatience
	if len(empty) == 0 {
		patience = checkPatience
	}
	members, err := sv.listMembers(ctx, patience)
	if err != nil {
		for _, name := range empty {
			sv.Fleet.Exclude(name, fmt.Errorf("host %s has no etcd data, and no other member can be asked to let it join: %w", name, err))
		}
		return nil
	}
	anew := sv.removedMembers(ctx, s, members)
	for _, name := range empty {
		anew[name] = ""
	}
	if len(anew) > 0 {
		s.Cluster.EtcdAnew = anew
		sv.known(s.Cluster, members, slices.Sorted(maps.Keys(anew)))
	}
	return nil
}

func (sv *Surveyor) listMembers(ctx context.Context, patience time.Duration) ([]cluster.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	env, err := sv.API.Env(ctx)
	if err != nil {
		return nil, err
	}
	return env.Members.List(ctx)
}

// known fills in the members that a newcomer will find: not those of hosts that
// join anew, which are replaced.
func (sv *Surveyor) known(c *component.Cluster, members []cluster.Member, empty []string) {
	c.EtcdMembers = map[string]string{}
	sv.lostMembers = map[string]string{}
	for _, m := range members {
		if len(m.PeerURLs) == 0 {
			continue
		}
		name := sv.memberHost(m)
		if slices.Contains(empty, name) {
			if m.Name != "" {
				sv.lostMembers[name] = strconv.FormatUint(m.ID, 16)
			}
			continue
		}
		c.EtcdMembers[name] = m.PeerURLs[0]
	}
}

// memberHost is the host of a member; one that has not started has no name yet.
func (sv *Surveyor) memberHost(m cluster.Member) string {
	if m.Name != "" {
		return m.Name
	}
	for _, h := range sv.Fleet.Inventory.With(inventory.RoleEtcd) {
		if slices.Contains(m.PeerURLs, etcdcomponent.PeerURL(h)) {
			return h.Name
		}
	}
	return strconv.FormatUint(m.ID, 16)
}

// etcdMembers wants every etcd host that takes part to be a voter once its etcd
// runs. One that joins is made known to the others, as a learner, before; one
// after the other, because etcd takes one learner at a time: a killed run may
// have left one.
func (sv *Surveyor) etcdMembers(c *component.Cluster) []resource.Resource {
	var list []resource.Resource
	before := sv.knownMembers(c)
	for _, h := range sv.Fleet.Inventory.With(inventory.RoleEtcd) {
		if sv.Fleet.Members[h.Name] == nil {
			continue
		}
		spec := etcdmember.Spec{Member: h.Name, PeerURLs: []string{etcdcomponent.PeerURL(h)}, Role: etcdmember.Voter,
			Replaces: sv.lostMembers[h.Name]}
		voter := component.MemberAt(h.Name)
		if _, member := c.EtcdMembers[h.Name]; len(c.EtcdMembers) > 0 && !member {
			first := spec
			first.Role = etcdmember.Learner
			learner := resource.New(resource.ClusterHost, etcdmember.Name, component.LearnerAt(h.Name).Name, first).
				After(etcdcomponent.DataAt(sv.Fleet.Inventory, h.Name)).After(before...)
			learner.Component = "etcd"
			list = append(list, learner)
			before = append(before[:len(before):len(before)], voter)
		}
		r := resource.New(resource.ClusterHost, etcdmember.Name, voter.Name, spec).After(component.UnitAt(h.Name, etcdcomponent.Unit))
		r.Component = "etcd"
		list = append(list, r)
	}
	return list
}

// knownMembers are the members that etcd has, of hosts that take part.
func (sv *Surveyor) knownMembers(c *component.Cluster) []resource.Address {
	var list []resource.Address
	for _, name := range slices.Sorted(maps.Keys(c.EtcdMembers)) {
		if h, listed := sv.Fleet.Inventory.Host(name); listed && h.Has(inventory.RoleEtcd) && sv.Fleet.Members[name] != nil {
			list = append(list, component.MemberAt(name))
		}
	}
	return list
}
