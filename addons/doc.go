// Package addons is the contract of what runs inside a cluster: Helm charts of
// our own, with typed settings. One folder each below this one (Go values,
// chart, test, README), listed in addons/catalogue. It imports contracts only.
package addons
