// Package kmod is the resource kind for a kernel module. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package kmod
