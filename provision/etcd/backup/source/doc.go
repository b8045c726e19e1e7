// Package source chooses the member of etcd that a snapshot is taken from, asks
// members whether they hold the same data, and saves the snapshot.
package source
