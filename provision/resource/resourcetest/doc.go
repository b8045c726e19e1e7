// Package resourcetest is the conformance suite of resource kinds. Each kind's
// own tests hand it cases; it checks what package resource promises: observing
// changes nothing, applying converges, a kill at any point is survived, and
// restoring brings back what was there.
package resourcetest
