package pki

import (
	"crypto/x509"
	"slices"
	"time"
)

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

// Request is the profile as a request.
func (p Profile) Request(dns, ips []string) Request {
	return Request{CommonName: p.CommonName, Organizations: p.Organizations, DNSNames: dns, IPs: ips}
}

// Leaf is what the authority is asked to allow.
func (p Profile) Leaf() Leaf { return Leaf{Server: p.Server, Client: p.Client, Life: p.Life} }

// HostProfile is a certificate of a host, with the names that it carries.
type HostProfile struct {
	Profile
	DNSNames, IPs []string
}

// OfHost are the certificates that every host of a cluster has of the cluster's
// authority, and no others: what a host that holds no authority's key may ask for
// by itself, with its Node's access.
func OfHost(name, address string) []HostProfile {
	node := Profile{CA: ClusterCA, CommonName: "system:node:" + name, Organizations: []string{"system:nodes"}}
	server, client := node, node
	server.Server, client.Client = true, true
	return []HostProfile{
		{Profile: server, DNSNames: []string{name}, IPs: []string{address, "127.0.0.1"}},
		{Profile: client},
		{Profile: Profile{CA: ClusterCA, CommonName: "system:kube-proxy", Client: true}},
		{Profile: Profile{CA: ClusterCA, CommonName: "system:flannel", Client: true}},
	}
}

// Allows reports whether a request asks for exactly this certificate.
func (p HostProfile) Allows(csr *x509.CertificateRequest, server, client bool) bool {
	ips := make([]string, 0, len(csr.IPAddresses))
	for _, ip := range csr.IPAddresses {
		ips = append(ips, ip.String())
	}
	return csr.Subject.CommonName == p.CommonName && sameSet(csr.Subject.Organization, p.Organizations) &&
		len(csr.Subject.Names) == 1+len(p.Organizations) &&
		sameSet(csr.DNSNames, p.DNSNames) && sameSet(ips, p.IPs) && len(csr.EmailAddresses) == 0 && len(csr.URIs) == 0 &&
		server == p.Server && client == p.Client
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
