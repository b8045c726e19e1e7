// Package renewal renews the certificates of a host without an operator: the
// timer of every host runs it. Hosts that hold the key of an authority sign for
// the others, which ask through the Kubernetes API.
package renewal
