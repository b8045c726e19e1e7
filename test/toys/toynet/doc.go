// Package toynet is an invented pod network: network { plugin "toy" { } }. It
// shows, for the tests and for docs/architecture.md, what a network has to say.
package toynet
