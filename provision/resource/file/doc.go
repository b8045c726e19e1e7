// Package file is the resource kind for a configuration file. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package file
