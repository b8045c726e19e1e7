// Package fleet is who takes part in a run: the hosts that answered, each with
// the session of its agent and what it says of itself; those that leave; and who
// is left out, and why. Everything that reaches a host goes through the Agent
// interface, so that tests and benchmarks can put anything behind it.
package fleet
