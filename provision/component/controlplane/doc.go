// Package controlplane runs kube-apiserver, kube-controller-manager and
// kube-scheduler on every master, as systemd services.
package controlplane
