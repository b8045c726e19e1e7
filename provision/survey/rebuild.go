package survey

import (
	"slices"

	"provision/provision/facts"
)

// Rebuild sets up anew hosts that were reset: a mark in the roster says so until
// nothing of it is left undone. All else is as in an apply.
type Rebuild struct {
	Converge
	Hosts []string
}

// Mark implements Task.
func (r *Rebuild) Mark(entry *facts.RosterHost, at Progress) {
	entry.Rebuilding = entry.Rebuilding || slices.Contains(r.Hosts, entry.Name) && !at.Rebuilt[entry.Name]
}
