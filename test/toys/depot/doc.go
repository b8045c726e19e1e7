// Package depot is an invented component: a store of blobs on hosts that need no
// kubelet. It uses every contract of a component once, for the tests and for
// docs/architecture.md to teach by.
package depot
