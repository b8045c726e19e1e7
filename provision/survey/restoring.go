package survey

import (
	"fmt"

	"provision/provision/plan"
)

// Restoring is a part of a restore of etcd's data: what is named, and what that
// takes. Package restore says which parts there are.
type Restoring struct {
	Converge
	// Units are the addresses of this part; they are asked for when the hosts are
	// known.
	Units func() []string
}

// Scope implements Task.
func (Restoring) Scope() Scope { return Scope{Narrow: true, Restores: true} }

// Limit implements Task.
func (r Restoring) Limit(*Surveyor, *Survey, *plan.Input) []string { return r.Units() }

// unrestored refuses to change a cluster of which etcd's data are being restored:
// its API may serve what will be no more.
func (sv *Surveyor) unrestored() error {
	id := sv.Fleet.Decision.Identity
	if sv.Task.Scope().Restores || id == nil || id.Restored == nil || !id.Restored.Open {
		return nil
	}
	return fmt.Errorf("cannot go on: a restore of etcd's data from %s was begun at %s and is not finished. Nothing was changed. Finish it with the same command: provision etcd restore %s",
		id.Restored.Name, id.Restored.Since.Format("2006-01-02 15:04:05Z"), id.Restored.Name)
}
