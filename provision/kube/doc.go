// Package kube is the client of a cluster's Kubernetes API through a dialer
// that the caller gives (the agent's tunnel): no port of the cluster need be
// reachable from the operator, and no kubeconfig file is read.
//
// It implements cluster.Objects, waits for the API and for Nodes by watching,
// summarises what runs, and writes kubeconfigs. Helm is in kube/helm.
package kube
