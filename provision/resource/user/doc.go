// Package user is the resource kind for a system user or group. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package user
