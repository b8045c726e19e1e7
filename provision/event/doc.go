// Package event is what happens during a run, as data: one stream that the
// terminal, plain and JSON views all read. It imports resource addresses only.
package event
