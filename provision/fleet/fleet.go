package fleet

import (
	"slices"
	"sort"
	"sync"
	"time"

	"provision/provision/component"
	"provision/provision/event"
	"provision/provision/facts"
	"provision/provision/identity"
	"provision/provision/inventory"
)

// Member is a host that answered.
type Member struct {
	Host  inventory.Host
	Agent *Line
	Facts facts.Host
}

// Join makes a member of a host whose agent was started.
func Join(host inventory.Host, agent Agent, known facts.Host) *Member {
	return &Member{Host: host, Agent: newLine(agent), Facts: known}
}

// Absent is a host that is skipped.
type Absent struct {
	Host inventory.Host // of one that left: with the roles that it had
	Why  error          // nil: nothing is left to do there
	Left bool           // it left the inventory, or is taken out to be reset
}

// Options are how hosts are reached, and what is told of it.
type Options struct {
	// Components are what hosts may run.
	Components []component.Component
	// Inventory is as the run sees it: hosts that are reset are not in it.
	Inventory *inventory.Inventory
	Connector Connector
	// Lab is the name of the lab acted on, "" for the real hosts.
	Lab  string
	Sink event.Sink
	Now  func() time.Time
	// Impatience is after how long a run says for which hosts it waits; 0: 10 s.
	Impatience time.Duration
	// SignFor answers the requests of one host's agent.
	SignFor func(host inventory.Host) SignFunc
	// Forgotten are hosts that left the inventory, do not answer and never will.
	Forgotten []string
}

// Fleet is who takes part in a run, and who does not and why. The run has one;
// each look at the hosts fills it anew.
type Fleet struct {
	Options
	Members map[string]*Member
	// Absent are the skipped hosts.
	Absent map[string]Absent
	// Aside are hosts that answered but cannot be worked on: no later look of the
	// run dials them.
	Aside map[string]error
	// Decision says which cluster the hosts belong to, and who of them joins.
	Decision identity.Decision
	// Resetting are hosts of the inventory that leave the cluster for now.
	Resetting map[string]inventory.Host

	leavers sync.Mutex // guards Leaving and Absent, while leaving hosts are dialled
	Leaving map[string]Departure
}

// New is a fleet of nobody yet.
func New(options Options) *Fleet {
	return &Fleet{Options: options, Members: map[string]*Member{}, Absent: map[string]Absent{}}
}

// Answered are the hosts of the inventory that take part, in its order.
func (f *Fleet) Answered(inv *inventory.Inventory) []inventory.Host {
	var hosts []inventory.Host
	for _, h := range inv.Hosts {
		if f.Members[h.Name] != nil {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// Names are those of the hosts that answered, sorted.
func (f *Fleet) Names() []string {
	names := make([]string, 0, len(f.Members))
	for name := range f.Members {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Close ends the sessions with all hosts.
func (f *Fleet) Close() {
	var all sync.WaitGroup
	for _, m := range f.Members {
		all.Go(func() { _ = m.Agent.Close() }) // the session is over either way
	}
	all.Wait()
}

// Left are the names of the hosts that left and are skipped, sorted.
func (f *Fleet) Left() []string {
	var names []string
	for name, a := range f.Absent {
		if a.Left {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Facts are those of the hosts that answered.
func (f *Fleet) Facts() map[string]facts.Host {
	all := map[string]facts.Host{}
	for name, m := range f.Members {
		all[name] = m.Facts
	}
	return all
}

// Roster is that of the hosts that wrote it last; nil when nobody has one.
func (f *Fleet) Roster() *facts.Roster {
	var newest *facts.Roster
	for _, name := range f.Names() {
		m := f.Members[name]
		if roster := m.Facts.Owned.Roster; roster != nil && m.Host.Keeper() && (newest == nil || roster.Written.After(newest.Written)) {
			newest = roster
		}
	}
	return newest
}

// Known is the newest roster by host.
func (f *Fleet) Known() map[string]facts.RosterHost {
	hosts := map[string]facts.RosterHost{}
	if newest := f.Roster(); newest != nil {
		for _, h := range newest.Hosts {
			hosts[h.Name] = h
		}
	}
	return hosts
}

// Owned is what the ledgers of the hosts that answered say.
func (f *Fleet) Owned() map[string]facts.Owned {
	owned := map[string]facts.Owned{}
	for name, m := range f.Members {
		owned[name] = m.Facts.Owned
	}
	return owned
}
