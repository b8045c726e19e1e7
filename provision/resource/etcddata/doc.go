// Package etcddata is the resource kind of an etcd member's data when the host
// has to join its cluster anew: data of a member that the cluster removed, and
// what a start that failed left behind, are set aside while etcd is stopped.
// All other data are left alone. It imports no other kind.
package etcddata
