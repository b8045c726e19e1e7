package pki

import "time"

// Names of the authorities, as in system.SignRequest and facts.Identity.
const (
	ClusterCA    = "cluster"
	EtcdCA       = "etcd"
	FrontProxyCA = "front-proxy"
)

// Profile is one row of the table of certificates: who it is for, and what it
// may do. Names of hosts are added where it is used.
type Profile struct {
	CA            string
	CommonName    string
	Organizations []string
	Server        bool
	Client        bool
	Life          time.Duration // 0: the inventory's life of leaves
}

// Admin is the group that the operator's access is in; a binding makes it
// cluster-admin. Unlike system:masters it can be taken back.
const Admin = "provision:admins"

// Operator is the operator's own access, made anew in each run.
func Operator(name string) Profile {
	return Profile{CA: ClusterCA, CommonName: name, Organizations: []string{Admin}, Client: true, Life: time.Hour}
}

// EtcdOperator is the operator's access to etcd.
func EtcdOperator(name string) Profile {
	return Profile{CA: EtcdCA, CommonName: name, Client: true, Life: time.Hour}
}

// Request is the profile as a request.
func (p Profile) Request(dns, ips []string) Request {
	return Request{CommonName: p.CommonName, Organizations: p.Organizations, DNSNames: dns, IPs: ips}
}

// Leaf is what the authority is asked to allow.
func (p Profile) Leaf() Leaf { return Leaf{Server: p.Server, Client: p.Client, Life: p.Life} }
