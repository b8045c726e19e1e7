// Package release is the kind of a Helm release: a chart with values,
// installed, upgraded, rolled back. What to do about the state that a killed
// run left is decided here, without Helm; package provision/kube/helm does it.
// It imports the resource and cluster contracts only.
//
// The digest of chart and values is a label of the release: one read of metadata
// tells that it must be upgraded. When it need not be, the chart is rendered and
// its objects are compared with the live ones, to find what somebody changed.
package release
