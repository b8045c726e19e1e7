// Package command is the agent's command line on a real host: the only place
// that joins the agent with the list of kinds, systemd and the root of the
// file system.
package command
