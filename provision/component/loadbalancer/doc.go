// Package loadbalancer runs HAProxy on every host of the cluster. It is the
// way of all local clients to the API servers that are healthy.
package loadbalancer
