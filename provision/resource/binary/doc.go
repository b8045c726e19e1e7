// Package binary is the resource kind for an executable from a blob. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package binary
