package pki

import (
	"slices"
	"strings"
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

// Hosts is the group of the hosts' own access. A binding lets it ask the API for
// certificates; it may do nothing else.
const Hosts = "provision:hosts"

// hostPrefix is what the names of hosts' own access begin with.
const hostPrefix = "provision:host:"

// HostUser is the name that a host has at the API.
func HostUser(host string) string { return hostPrefix + host }

// HostOf is the host whose name at the API this is.
func HostOf(user string, groups []string) (host string, ok bool) {
	host, ok = strings.CutPrefix(user, hostPrefix)
	return host, ok && host != "" && slices.Contains(groups, Hosts)
}
