// Package trial tells of units that do not work with new settings: what became of
// the host, which lines of the inventory are at fault, and what the unit said. It
// is pure.
package trial
