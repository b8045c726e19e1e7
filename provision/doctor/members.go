package doctor

import (
	"slices"

	"provision/provision/etcd"
	"provision/provision/resource/etcdmember"
)

// memberships compares the data on etcd hosts with the members that the quorum
// lists. An etcd whose member was removed ends as soon as it starts.
func (d *diagnosis) memberships() {
	if d.in.EtcdCluster == "" || d.in.EtcdError != "" || len(d.in.Etcd) == 0 {
		return
	}
	for _, h := range d.in.Hosts {
		if !h.Etcd || h.Error != "" || h.New {
			continue
		}
		f := Finding{Level: Problem, Host: h.Name, order: hostOrder, strong: true, Fix: apply(h.Name)}
		listed := slices.IndexFunc(d.in.Etcd, func(m etcd.MemberStatus) bool { return d.hostOf(m) == h.Name })
		switch {
		case h.EtcdData != nil && slices.ContainsFunc(d.in.Etcd, func(m etcd.MemberStatus) bool { return etcdmember.ID(m.ID) == h.EtcdData.Member }):
			continue
		case h.EtcdData != nil && h.EtcdData.Cluster != d.in.EtcdCluster:
			f.What, f.Summary = "etcd-foreign", "has the data of another etcd cluster, "+h.EtcdData.Cluster
			f.First = "see whether anybody needs these data; if not, stop " + d.in.Member + " and move them away"
		case h.EtcdData != nil:
			f.What, f.Summary = "etcd-removed", "has the etcd data of member "+h.EtcdData.Member+", which was removed from the etcd cluster"
			f.Cause = "somebody removed the member, or a run that was to take it out was cut off; it cannot come back, but another one can join in its place"
		case h.NoEtcdData && listed < 0:
			f.What, f.Summary, f.Cause = "etcd-removed", "is no member of the etcd cluster, and has no data of one", "its member was removed"
		case h.NoEtcdData && d.in.Etcd[listed].Name != "":
			f.What, f.Summary, f.Cause = "etcd-lost", "is a member of the etcd cluster, and its data are gone", "somebody moved them away, or the disk is another one"
		default:
			continue
		}
		d.add(f)
		d.follows(h.Name, d.found[len(d.found)-1].ID)
	}
}

// follows has what is wrong with a host's etcd follow from a finding, which
// fixes it.
func (d *diagnosis) follows(host, id string) {
	for i := range d.found {
		if f := &d.found[i]; f.Host == host && f.Unit == d.in.Member && f.Level == Problem {
			f.Because, f.First, f.strong = append(f.Because, id), "", false
		}
	}
}

// hostOf is the host that a member is for; one that has not started has no name
// yet. "" when it is for none.
func (d *diagnosis) hostOf(m etcd.MemberStatus) string {
	for _, h := range d.in.Hosts {
		if h.Etcd && (m.Name == h.Name || m.Name == "" && slices.Contains(m.PeerURLs, h.PeerURL)) {
			return h.Name
		}
	}
	return ""
}

// strays are the findings about whose data a host has.
func (d *diagnosis) strays(host string) []string {
	var ids []string
	for _, f := range d.found {
		switch f.What {
		case "etcd-removed", "etcd-lost", "etcd-foreign":
			if f.Host == host {
				ids = append(ids, f.ID)
			}
		}
	}
	return ids
}
