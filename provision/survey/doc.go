// Package survey finds out, before anything changes, which cluster the hosts make
// up, what is wanted of them and what differs, and makes the plan. What a run is
// about is its Task, each in a file of its own. Look is the order of it all.
package survey
