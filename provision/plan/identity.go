package plan

import "provision/provision/resource"

// IdentityKind is the kind in the addresses of steps that give a host, or the
// cluster, its identity.
const IdentityKind = "cluster-identity"

// BirthAddress is the step that creates a cluster's identity.
func BirthAddress(cluster string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: IdentityKind, Name: cluster}
}

// FormedAddress is the step that records, on every host, that etcd has formed.
func FormedAddress(cluster string) resource.Address {
	return resource.Address{Host: resource.ClusterHost, Kind: IdentityKind, Name: cluster + " etcd"}
}

// JoinAddress is the step that gives a host the cluster's identity.
func JoinAddress(host, cluster string) resource.Address {
	return resource.Address{Host: host, Kind: IdentityKind, Name: cluster}
}

// identity plans the birth of the cluster and the hosts that join it.
func (b *builder) identity() {
	birth := BirthAddress(b.in.Cluster)
	if b.in.UUID == "" {
		b.put(Step{Address: birth, Action: Create, Irreversible: true,
			Changes: []resource.Change{{Field: "cluster", New: "certificate authorities, service account and encryption keys", Create: true}}})
	}
	for _, host := range b.hostNames() {
		if !b.in.Hosts[host].JoinIdentity {
			continue
		}
		s := Step{Address: JoinAddress(host, b.in.Cluster), Action: Create,
			Changes: []resource.Change{{Field: "member of", New: b.in.Cluster, Create: true}}}
		if b.in.UUID == "" {
			s.Requires = []resource.Address{birth}
		}
		b.put(s)
	}
	if b.in.EtcdIs != "" {
		b.put(Step{Address: FormedAddress(b.in.Cluster), Action: Update,
			Changes: []resource.Change{{Field: "etcd cluster id", Old: b.in.EtcdWas, New: b.in.EtcdIs}}})
	}
	if len(b.in.Forming) > 0 {
		b.put(Step{Address: FormedAddress(b.in.Cluster), Action: Create, Requires: b.in.Forming,
			Changes: []resource.Change{{Field: "etcd cluster id", New: "recorded on every host", Create: true}}})
	}
}
