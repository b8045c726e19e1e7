// Package clusterledger is the record of what provision owns in the cluster
// itself: for each object and each release what stood there before the first
// change. It is kept in a Secret of the cluster, written before each change, and
// tells which things leave with the inventory that wanted them. Only who holds the
// cluster's lock writes it.
//
// It imports the contracts of resources and clusters, and plan for what a plan is
// told.
package clusterledger
