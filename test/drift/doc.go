// Package drift lists what somebody may change by hand on a host and in a
// cluster, at least one change for each kind of resource. The journeys do them
// and see that the plan names them; a rule test sees that no kind is missing.
package drift
