// Package sshtest is an SSH server inside the process, for tests and
// benchmarks: scripted users, keys, host keys, commands, forwarding for
// bastions, faults, and counters. A Network holds any number of servers behind
// in-memory connections; a server that nobody talks to costs no goroutine.
package sshtest
