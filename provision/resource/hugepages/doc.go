// Package hugepages is the resource kind of huge pages that the kernel sets
// aside, now and at boot. It imports no other kind.
package hugepages
