// Package unit is the resource kind for a systemd unit's state. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package unit
