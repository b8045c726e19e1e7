// Package facts is what agents tell of their hosts, as data. It is imported on
// both sides of the wire and imports nothing of ours.
package facts
