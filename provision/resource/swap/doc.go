// Package swap is the resource kind for the absence of swap. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package swap
