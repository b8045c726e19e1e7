// Package snapshot reads, at the operator's, what a file that "etcdctl snapshot
// save" wrote holds: whether it is whole, how far it reaches, which versions of
// etcd can use it, and which cluster it is of. It changes nothing.
package snapshot
