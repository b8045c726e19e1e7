// Package kubeproxy runs kube-proxy, which makes Services work on a host.
package kubeproxy
