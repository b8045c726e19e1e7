// Package kubetest starts a real etcd and a real kube-apiserver on loopback for
// tests with the build tag "cluster". The binaries come from the folder
// PROVISION_TEST_BIN (several: as in PATH), else from PATH; a missing one fails the
// test: etcd, kube-apiserver, and coredns for its add-on.
package kubetest
