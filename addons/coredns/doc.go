// Package coredns is the cluster's DNS: CoreDNS behind the service address that
// kubelets give to pods. See README.md for its settings.
package coredns
