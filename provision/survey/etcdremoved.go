package survey

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"provision/provision/cluster"
	"provision/provision/inventory"
	"provision/provision/resource/etcdmember"
)

// removedMembers are the etcd hosts whose data are of a member that the cluster
// no longer has, with the member's id: somebody removed it, or a run that was to
// take it out was cut off. Its etcd ends as soon as it starts, for good, so such
// data are worth nothing. The list of members is the quorum's.
//
// They are told from all other hosts whose etcd does not run by what the data
// themselves say: another member of this very cluster. A host whose etcd answers
// is never one of them, nor is any while a member says that it is of another
// cluster than the one recorded.
func (sv *Surveyor) removedMembers(ctx context.Context, s *Survey, members []cluster.Member) map[string]string {
	removed := map[string]string{}
	for _, h := range sv.Fleet.Inventory.With(inventory.RoleEtcd) {
		if id, no := sv.noMember(h.Name, members); no {
			removed[h.Name] = id
		}
	}
	if len(removed) == 0 {
		return removed
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	answering, err := sv.API.EtcdIDs(ctx)
	if err != nil || !sv.allOfOurs(answering) {
		return map[string]string{}
	}
	s.etcdIDs = answering
	for _, name := range slices.Sorted(maps.Keys(removed)) {
		if _, answers := answering[name]; answers {
			s.warn = append(s.warn, fmt.Sprintf("etcd of host %s answers as member %s, which the etcd cluster does not list; it is left as it is", name, removed[name]))
			delete(removed, name)
			continue
		}
		s.warn = append(s.warn, fmt.Sprintf("host %s has the etcd data of member %s, which was removed from the etcd cluster and cannot come back: they are set aside, and the host joins anew as another member", name, removed[name]))
	}
	return removed
}

// noMember reports whether a host's data are of a member of this cluster that
// is not among those listed.
func (sv *Surveyor) noMember(host string, members []cluster.Member) (id string, no bool) {
	m := sv.Fleet.Members[host]
	if m == nil || m.Facts.Etcd == nil || !sv.Fleet.HasData(host) || len(members) == 0 || m.Facts.Etcd.Cluster != sv.Fleet.Decision.Identity.EtcdClusterID {
		return "", false
	}
	id = m.Facts.Etcd.Member
	return id, !slices.ContainsFunc(members, func(member cluster.Member) bool { return etcdmember.ID(member.ID) == id })
}

// allOfOurs reports whether members answer, and all say that they are of the
// cluster that the ledgers know.
func (sv *Surveyor) allOfOurs(ids map[string]uint64) bool {
	for _, id := range ids {
		if strconv.FormatUint(id, 16) != sv.Fleet.Decision.Identity.EtcdClusterID {
			return false
		}
	}
	return len(ids) > 0
}
