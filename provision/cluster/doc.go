// Package cluster is the seam between cluster-scoped resource kinds and the
// APIs of a running cluster: its Kubernetes objects, its etcd members, its
// Helm releases. It holds interfaces and plain values only, so that kinds stay
// light and are tested with fakes; packages kube, kube/helm and etcd implement
// them through the operator's tunnel.
//
// It imports nothing but the standard library.
package cluster
