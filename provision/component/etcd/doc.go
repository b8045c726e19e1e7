// Package etcd runs the members of the cluster's etcd as systemd services,
// with a certificate authority of their own.
package etcd
