package survey

import (
	"context"
	"time"

	"provision/provision/facts"
	"provision/provision/plan"
	"provision/provision/resource"
)

// Task is what a run is about. Without one it makes the hosts what the
// inventory says. A verb that changes something is a Task of its own, in a file
// of its own: what it refuses, what it changes, and what the roster says
// meanwhile, so that a run that was killed is finished by the next.
type Task interface {
	// Scope is what the rest of a run must know of the task.
	Scope() Scope
	// Check refuses, before anything is written. Who takes part is known by then,
	// and who leaves.
	Check(ctx context.Context, o *Surveyor) error
	// Limit completes what the plan is made from, and limits it to addresses; nil
	// leaves all of it.
	Limit(o *Surveyor, s *Survey, in *plan.Input) (only []string)
	// Mark sets what the roster says of a host, at this point of the run.
	Mark(entry *facts.RosterHost, at Progress)
}

// Scope is what the rest of a run must know of its task.
type Scope struct {
	// Narrow: only what is named changes. Changes of the inventory that wait for
	// an apply, at these hosts or elsewhere, go on waiting.
	Narrow bool
	// Restores: it is part of a restore of etcd's data.
	Restores bool
	// Leaving are the hosts that go all the same.
	Leaving []string
	// Resets are hosts of the inventory that leave the cluster for now: the run
	// sees the inventory without them.
	Resets []string
	// Forgotten are hosts that left the inventory and do not answer, and never
	// will.
	Forgotten []string
	// OneHop ends Apply after one hop of an upgrade over several minor releases.
	OneHop bool
	// Certificates: only they change, so nothing waits for the health of what
	// restarts; Reissue names the hosts that get new ones, due or not.
	Certificates bool
	Reissue      func(host string) bool
	// Isolation is set when hosts are taken out of service, or put back.
	Isolation *Isolation
	// Back bounds how long a host may take to come back from its reboot.
	Back time.Duration
}

// Progress is how far a run has come, as far as the roster tells of it.
type Progress struct {
	Now     time.Time
	Boots   map[string]string // the boots that the run ends, by host
	Rebuilt map[string]bool   // hosts on which nothing of a rebuild is left undone
	Done    map[resource.Address]bool
	over    bool // all steps count as done
}

// Passed reports whether a step is done.
func (p Progress) Passed(step resource.Address) bool { return p.over || p.Done[step] }

// Converge is the task of apply: hosts become what the inventory says. Others
// take from it what they leave as it is.
type Converge struct {
	// OneHop ends Apply after one hop of an upgrade over several minor releases.
	OneHop bool
}

// Scope implements Task.
func (c Converge) Scope() Scope { return Scope{OneHop: c.OneHop} }

// Check implements Task.
func (Converge) Check(context.Context, *Surveyor) error { return nil }

// Limit implements Task.
func (Converge) Limit(*Surveyor, *Survey, *plan.Input) []string { return nil }

// Mark implements Task.
func (Converge) Mark(*facts.RosterHost, Progress) {}
