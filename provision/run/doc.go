// Package run executes a plan: how each kind of step is done, what is waited for
// afterwards, what the roster says meanwhile, and the record of the run that hosts
// keep.
package run
