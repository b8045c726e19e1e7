// Package etcddata is the resource kind of an etcd member's data when the host
// has to join its cluster anew: data of a member that the cluster removed, and
// what a start that failed left behind, are set aside while etcd is stopped.
// During a restore it makes the data from a snapshot, and keeps what it replaces.
// All other data are left alone. It imports no other kind.
package etcddata
