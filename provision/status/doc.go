// Package status says how a cluster is at a glance, and its certificates in full.
// It judges by what hosts and the cluster's APIs say; nothing is changed.
package status
