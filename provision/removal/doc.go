// Package removal tells what an inventory takes away from a cluster that
// exists, by comparing it with the cluster's roster, and how much of that one
// run may do. It is pure.
package removal
