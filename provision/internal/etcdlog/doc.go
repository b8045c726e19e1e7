// Package etcdlog reads from etcd's write-ahead log which member, and which
// cluster, the data of a host are of. Each segment of the log says so in its
// second record, so it can be told without etcd, and of a member that no longer
// starts.
package etcdlog
