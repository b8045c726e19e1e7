// Package hosts is the resource kind for a block of lines in /etc/hosts. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package hosts
