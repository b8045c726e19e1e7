// Package fleettest is a data center in one process, for tests and benchmarks:
// hosts with an SSH server in memory, a folder as their file system and the
// real agent behind it; an artifact store of a few bytes per artifact; and a
// Kubernetes API of maps. Operators on it are real ones over the real SSH
// connector: only hosts, artifacts and the cluster's APIs are not what they
// seem.
package fleettest
