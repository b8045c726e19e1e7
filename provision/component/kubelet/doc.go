// Package kubelet runs kubelet on every host of the cluster.
package kubelet
