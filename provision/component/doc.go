// Package component is the contract of the parts of a cluster that run on
// hosts: containerd, etcd, the control plane, the network plugin. One folder
// each below this one (or below network/), listed in package components.
// A component is pure: it says which resources each host must have.
package component
