// Package client is the operator's end of an agent's session: typed calls,
// connections through the host, and the sending of blobs. It imports the
// protocol only, never the agent.
package client
