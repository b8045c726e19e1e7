// Package ssh is how the operator reaches hosts: one connection per host,
// shared by all callers, over any chain of bastions, with strict host keys,
// sudo, and the start of the agent.
//
// A Target says where and as whom. A Pool keeps connections; Conn runs argv on
// a host. StartAgent runs the agent by its content hash and uploads it only
// when the host has no intact copy: one exec channel, or two.
//
// It imports the inventory's types, the host layout and its own subfolders:
// shell (the only place that quotes), hostkey (known_hosts and pins). Its tests
// use sshtest, an SSH server inside the process.
package ssh
