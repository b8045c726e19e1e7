// Package trust makes the folders and puts the cluster CA's certificate where
// all Kubernetes programs of a host share them.
package trust
