// Package identity is the resource kind for a copy of an item of the cluster's identity. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package identity
