// Package agentbin holds the agents that are part of provision: static
// binaries, one an architecture, put there by "make agents".
package agentbin
