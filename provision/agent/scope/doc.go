// Package scope keeps the processes of one agent session in one systemd scope,
// so that a later session can end what an earlier one left behind.
package scope
