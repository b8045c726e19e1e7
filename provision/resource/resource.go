package resource

import (
	"encoding/json"
	"fmt"
)

// TriggerAction is what a changed input does to a running unit.
type TriggerAction string

// The actions of a Trigger. A restart implies that the unit reads everything
// anew, so it wins over a reload.
const (
	Reload  TriggerAction = "reload"
	Restart TriggerAction = "restart"
)

// Trigger says that a change of the resource must be followed by an action on
// a systemd unit of the same host, if that unit runs by then.
type Trigger struct {
	Unit   string        `json:"unit"`
	Action TriggerAction `json:"action"`
}

// Resource is one wanted thing. Spec is the canonical JSON of the kind's own
// spec type.
type Resource struct {
	Address   Address         `json:"address"`
	Spec      json.RawMessage `json:"spec"`
	Requires  []Address       `json:"requires,omitempty"`  // finished before this one starts; other hosts' too
	Triggers  []Trigger       `json:"triggers,omitempty"`  // units to act on when this one changes
	Blobs     []string        `json:"blobs,omitempty"`     // sha256 of blobs that must be on the host before Apply
	Component string          `json:"component,omitempty"` // who wants it
	// Drains: a change on a host that is a Node already is made while the Node
	// has no pods. It matters to plans only, so agents are not told.
	Drains bool `json:"-"`
	// Waves, of a unit: what restarts it on a host that is a Node already does so
	// in the rollout's waves, with pods on the Node.
	Waves bool `json:"-"`
	// Sources are the settings of the inventory, by path, that are in the spec.
	Sources []string `json:"-"`
}

// New builds a resource from a typed spec. It panics only when the spec type
// itself cannot be written as JSON, which is a bug of the kind.
func New(host, kind, name string, spec any) Resource {
	raw, err := json.Marshal(spec)
	if err != nil {
		panic(fmt.Sprintf("spec of kind %s is not JSON: %v", kind, err))
	}
	return Resource{Address: Address{Host: host, Kind: kind, Name: name}, Spec: raw}
}

// After returns a copy that also requires the given addresses.
func (r Resource) After(needed ...Address) Resource {
	r.Requires = append(append([]Address(nil), r.Requires...), needed...)
	return r
}

// Restarting returns a copy whose change restarts the given units.
func (r Resource) Restarting(units ...string) Resource { return r.triggering(Restart, units) }

// Reloading returns a copy whose change reloads the given units.
func (r Resource) Reloading(units ...string) Resource { return r.triggering(Reload, units) }

func (r Resource) triggering(action TriggerAction, units []string) Resource {
	r.Triggers = append([]Trigger(nil), r.Triggers...)
	for _, unit := range units {
		r.Triggers = append(r.Triggers, Trigger{Unit: unit, Action: action})
	}
	return r
}

// Draining returns a copy that is changed on Nodes without pods only.
func (r Resource) Draining() Resource {
	r.Drains = true
	return r
}

// From returns a copy that tells which settings of the inventory it is made of.
func (r Resource) From(paths ...string) Resource {
	r.Sources = append(append([]string(nil), r.Sources...), paths...)
	return r
}

// InWaves returns a copy of a unit that is restarted, and its inputs changed, in
// the rollout's waves only.
func (r Resource) InWaves() Resource {
	r.Waves = true
	return r
}

// WithBlobs returns a copy that needs the given blobs on its host.
func (r Resource) WithBlobs(digests ...string) Resource {
	r.Blobs = append(append([]string(nil), r.Blobs...), digests...)
	return r
}

// Change is one difference between what is wanted and what is there. Old and
// New are for people: short text, or a digest for long contents; never a secret
// (see Hidden).
type Change struct {
	Field string `json:"field"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
	// Create is set on the change of a thing that is not there at all.
	Create bool `json:"create,omitempty"`

	old, new digest // of secrets: they never leave the process, see Seal
}
