// Package api is the protocol between operator and agent, as data: method
// names, parameters, results, error codes. Both sides import it; it imports
// only contracts.
//
// An agent prints "PROVISION/1 <nonce>\n" and from then on both sides speak
// yamux over standard input and output. The operator opens the first stream,
// the control stream: JSON-RPC in both directions, one JSON value a line.
// Further streams are opened by the operator and start with one JSON line of
// StreamHeader; a "dial" stream then carries the bytes of a TCP connection of
// the host. Everything ends when standard input ends.
package api
