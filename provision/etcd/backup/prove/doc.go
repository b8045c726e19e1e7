// Package prove restores a snapshot as it is into a scratch folder, with the
// host's own etcdutl, starts the host's own etcd on it, and reads the figures in
// which it must agree with its source. That etcd listens on sockets in the
// folder only, which is root's.
package prove
