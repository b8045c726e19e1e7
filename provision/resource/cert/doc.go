// Package cert is the resource kind for a certificate whose key is made on the host. Its Spec says what
// is wanted; what a host has is observed through the system seam. It imports
// no other kind.
package cert
