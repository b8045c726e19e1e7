// Package plan is what an apply would do, as a value: it prints, serialises to
// JSON and has a hash. It is computed, without side effects, from the wanted
// graph and from what agents and the cluster's API answered.
package plan
