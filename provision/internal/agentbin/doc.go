// Package agentbin holds the programs of ours that hosts are sent: static
// binaries, one an architecture, put there by "make agents". The agent goes to
// every host; the others are artifacts of the bundle.
package agentbin
