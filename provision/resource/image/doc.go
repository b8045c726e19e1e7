// Package image is the resource kind for a container image in containerd. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package image
