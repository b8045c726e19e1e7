// Package target says what a place for backups is: a small store of objects.
// Its folders are the kinds there are. The conformance suite that each must pass
// is package targettest.
package target
