// Package diag holds problems found in what the operator wrote: severity,
// summary, detail and the places in the source that matter, with their lines.
// It prints them for people and as JSON. It imports nothing of ours.
package diag
