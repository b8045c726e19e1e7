// Package object is the kind of any Kubernetes object given as a manifest,
// written by server-side apply: RBAC bindings, priority classes, namespaces.
// It imports the resource and cluster contracts only.
//
// The digest of the manifest is kept in an annotation: it tells, by one GET,
// that a field was dropped from the manifest. Drift is found by comparing every
// field of the manifest with the live object; fields that the manifest does not
// name belong to others. Write values as the API returns them ("1", not
// "1000m"), or they always differ.
package object
