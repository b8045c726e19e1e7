// Package board is an invented add-on, a notice board, of which there may be
// several in a cluster. It shows, for the tests and for docs/architecture.md, what
// an add-on has to say.
package board
