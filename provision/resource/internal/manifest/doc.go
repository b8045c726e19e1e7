// Package manifest compares Kubernetes manifests with live objects, for the
// kinds that want objects to have what a manifest says. Fields that it does not
// name belong to others. It imports the resource contract only.
package manifest
