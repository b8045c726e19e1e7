package ledger

import (
	"encoding/json"
	"maps"
	"slices"

	"provision/provision/facts"
)

// Format is the version that this program writes. It refuses later ones.
const Format = 2

// plainFormat is the last whose snapshots had no checksum.
const plainFormat = 1

// Entry is one thing that provision owns on the host.
type Entry struct {
	ID           string          `json:"id"`
	Kind         string          `json:"kind"`
	Name         string          `json:"name"`
	Component    string          `json:"component,omitempty"`
	Irreversible bool            `json:"irreversible,omitempty"`
	Before       json.RawMessage `json:"before"` // the kind's state before the first apply
	Blobs        []string        `json:"blobs,omitempty"`
	// Triggers are the units to act on when it goes, with the action.
	Triggers map[string]string `json:"triggers,omitempty"`
}

// State is all that the ledger says. Entries are in the order of first apply.
type State struct {
	Format   int                      `json:"format"`
	Seq      uint64                   `json:"seq"` // of the last record in it
	Epoch    uint64                   `json:"epoch"`
	Identity *facts.Identity          `json:"identity,omitempty"`
	Pending  *facts.Identity          `json:"pending,omitempty"`
	Entries  []Entry                  `json:"entries,omitempty"`
	Restarts map[string]facts.Restart `json:"restarts,omitempty"`
	Roster   *facts.Roster            `json:"roster,omitempty"`
}

// Entry returns the entry of a resource.
func (s *State) Entry(id string) (Entry, bool) {
	if i := s.index(id); i >= 0 {
		return s.Entries[i], true
	}
	return Entry{}, false
}

// Owned is the part of the state that operators see.
func (s *State) Owned() facts.Owned {
	owned := facts.Owned{
		Format: s.Format, Identity: s.Identity, Pending: s.Pending, Epoch: s.Epoch,
		Restarts: s.Restarts, Roster: s.Roster,
	}
	for _, e := range s.Entries {
		owned.Resources = append(owned.Resources, e.Fact())
	}
	return owned
}

// Fact is the part of the entry that operators see.
func (e Entry) Fact() facts.Resource {
	return facts.Resource{ID: e.ID, Component: e.Component, Irreversible: e.Irreversible, Triggers: e.Triggers}
}

func (s *State) index(id string) int {
	return slices.IndexFunc(s.Entries, func(e Entry) bool { return e.ID == id })
}

// clone copies what the ledger itself changes in place; everything below is
// replaced as a whole, never written to.
func (s *State) clone() State {
	out := *s
	out.Entries = slices.Clone(s.Entries)
	out.Restarts = maps.Clone(s.Restarts)
	return out
}

// record is one line of the log: exactly one of its parts is set.
type record struct {
	Format   int             `json:"v"`
	Seq      uint64          `json:"seq"`
	Epoch    uint64          `json:"epoch,omitempty"`
	Entry    *Entry          `json:"entry,omitempty"`
	Forget   string          `json:"forget,omitempty"`
	Restart  *restart        `json:"restart,omitempty"`
	Clear    string          `json:"clear,omitempty"`
	Identity *identityRecord `json:"identity,omitempty"`
	Roster   *facts.Roster   `json:"roster,omitempty"`
	Left     bool            `json:"left,omitempty"`
}

type restart struct {
	Unit string `json:"unit"`
	facts.Restart
}

// identityRecord sets both at once, so that a commit is one record.
type identityRecord struct {
	Identity *facts.Identity `json:"identity"`
	Pending  *facts.Identity `json:"pending"`
}

func (s *State) apply(r record) {
	s.Seq = r.Seq
	switch {
	case r.Epoch != 0:
		s.Epoch = max(s.Epoch, r.Epoch)
	case r.Entry != nil:
		if i := s.index(r.Entry.ID); i >= 0 {
			s.Entries[i] = *r.Entry
		} else {
			s.Entries = append(s.Entries, *r.Entry)
		}
	case r.Forget != "":
		if i := s.index(r.Forget); i >= 0 {
			s.Entries = slices.Delete(s.Entries, i, i+1)
		}
	case r.Restart != nil:
		if s.Restarts == nil {
			s.Restarts = map[string]facts.Restart{}
		}
		s.Restarts[r.Restart.Unit] = r.Restart.Restart
	case r.Clear != "":
		delete(s.Restarts, r.Clear)
	case r.Identity != nil:
		s.Identity, s.Pending = r.Identity.Identity, r.Identity.Pending
	case r.Roster != nil:
		s.Roster = r.Roster
	case r.Left:
		s.Identity, s.Pending, s.Roster, s.Restarts = nil, nil, nil, nil
	}
}
