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
// A run has these parts: fleet (who answers, with which facts), survey (what
// cluster they make up, what is wanted, what differs), plan, and steps (how
// each kind of step is done). Everything that reaches a host goes through
// fleet.Agent, so that tests and benchmarks can put anything behind it.
//
// Beside plan and apply there are, by the files to begin with: locks (lock,
// queue, holding), the identity of a cluster (birth, authorities,
// rotate), hosts that leave or are undone (leaving, reset, rebuild), what is done
// with Nodes (care, isolation, settle, rebooting), upgrades (upgrading), the
// history of runs (chronicle, rollback), and looks that change nothing (status,
// doctor, certs, preflight, logs, support).
package provision
