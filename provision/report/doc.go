// Package report shows plans and events: for people on a terminal, as plain
// lines, or as JSON. It reads the same values that everything else does and
// decides nothing.
package report
