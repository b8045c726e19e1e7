// Package provision is the façade: what can be done with a cluster, one method of
// Operator each.
//
// Data flows one way:
//
//	inventory ──► desired ◄── facts        (exchange 1 with each host's agent)
//	                 │   pure
//	                 ▼
//	   agents observe and compare          (exchange 2: wanted → changes)
//	                 ▼
//	               plan                    pure: prints, serialises, has a hash
//	                 ▼
//	              engine ──► events ──► report
//	                 │
//	                 ▼
//	   hosts (agents) and the cluster's APIs (tunnelled through the agents)
//
// Each part is a room with one struct that owns its state: fleet (who takes part),
// lock, authority (keys on hosts), access (the cluster's APIs), survey (what is
// wanted, what differs, the plan; one file per Task), run (executes a plan).
// Verbs that only look live with what they say: checkup, status, examine, support,
// history. Operator composes them. Everything that reaches a host goes through
// fleet.Agent, so that tests and benchmarks can put anything behind it.
package provision
