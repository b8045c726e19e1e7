// Package wire carries the agent's protocol: the hello line, yamux streams over
// a pair of pipes, and JSON-RPC in both directions on one of these streams.
// It knows no method; it imports only agent/api, for errors and stream headers.
package wire
