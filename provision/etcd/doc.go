// Package etcd is the client of a cluster's etcd through a dialer that the
// caller gives (the agent's tunnel). It implements cluster.Members and
// summarises the members' health.
package etcd
