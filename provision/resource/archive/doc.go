// Package archive is the resource kind for an unpacked archive. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package archive
