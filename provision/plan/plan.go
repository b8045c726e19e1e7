package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"provision/provision/removal"
	"provision/provision/resource"
)

// Format is the version of the JSON form of a Plan.
const Format = 1

// Action is what a step does.
type Action string

// The actions.
const (
	Create  Action = "create"
	Update  Action = "update"
	Restart Action = "restart"
	Reload  Action = "reload"
	Remove  Action = "remove"
	Reboot  Action = "reboot"
	Wait    Action = "wait" // a gate: nothing changes, the run waits for health
	// Unknown is a cluster object that cannot be compared before an earlier
	// step ran; it is compared then.
	Unknown Action = "unknown"
)

// Step is one thing that an apply does.
type Step struct {
	Address   resource.Address  `json:"address"`
	Action    Action            `json:"action"`
	Component string            `json:"component,omitempty"`
	Changes   []resource.Change `json:"changes,omitempty"`
	// Act is set on units that are restarted or reloaded because of an input.
	Act      Action             `json:"act,omitempty"`
	Causes   []resource.Address `json:"causes,omitempty"` // inputs behind Act
	Requires []resource.Address `json:"requires,omitempty"`
	// Of, Need and Met are for gates: of the steps in Of so many must be done
	// that Need is reached, counting the Met that were true before the run.
	Of   []resource.Address `json:"of,omitempty"`
	Need int                `json:"need,omitempty"`
	Met  int                `json:"met,omitempty"`
	// Settle: all of Of have ended, well or not, before they are counted.
	Settle       bool `json:"settle,omitempty"`
	Irreversible bool `json:"irreversible,omitempty"`
}

// Host is what the plan rests on for one host.
type Host struct {
	Name string `json:"name"`
	// Digest covers everything observed on the host.
	Digest string `json:"digest,omitempty"`
	Wanted int    `json:"wanted"` // resources compared
	New    bool   `json:"new,omitempty"`
	// Error says why the host is skipped.
	Error string `json:"error,omitempty"`
}

// Plan is what an apply would do.
type Plan struct {
	Format  int    `json:"format"`
	Cluster string `json:"cluster"`
	UUID    string `json:"uuid,omitempty"` // "" when the cluster is new
	Target  string `json:"target"`         // "real hosts" or "lab NAME"
	// Environment is the cluster's, as its inventory says.
	Environment string    `json:"environment,omitempty"`
	Inventory   string    `json:"inventory"` // digest of the inventory
	Created     time.Time `json:"created"`
	Steps       []Step    `json:"steps"`
	Hosts       []Host    `json:"hosts"`
	Warnings    []string  `json:"warnings,omitempty"`
	// Targets are what the plan was limited to, sorted; LeftOut counts the
	// steps that it would have had without them.
	Targets []string `json:"targets,omitempty"`
	LeftOut int      `json:"left_out,omitempty"`
	// Removals are the hosts and roles that the inventory takes away.
	Removals *removal.Set `json:"removals,omitempty"`
	// Hops are the way of an upgrade over several minor releases; this plan is of
	// the first.
	Hops []Hop `json:"hops,omitempty"`
	// Waves are the hosts whose Nodes are emptied, in the order of their turns.
	Waves []Wave `json:"waves,omitempty"`
}

// Empty reports whether nothing would change.
func (p *Plan) Empty() bool {
	for _, s := range p.Steps {
		if s.Action != Wait {
			return false
		}
	}
	return true
}

// Incomplete reports whether a host that the plan is about is skipped.
func (p *Plan) Incomplete() bool {
	for _, h := range p.Hosts {
		if h.Error != "" && p.Concerns(h.Name) {
			return true
		}
	}
	return false
}

// Concerns reports whether the plan is about the host: with targets, only those
// hosts that they name.
func (p *Plan) Concerns(host string) bool {
	for _, t := range p.Targets {
		if name, _, _ := strings.Cut(t, "/"); name == host {
			return true
		}
	}
	return len(p.Targets) == 0
}

// Touches are the hosts on which a step changes something.
func (p *Plan) Touches() map[string]bool {
	hosts := map[string]bool{}
	for _, s := range p.Steps {
		if s.Action != Wait && !s.Address.IsCluster() {
			hosts[s.Address.Host] = true
		}
	}
	return hosts
}

// Count is the number of steps by action; Act counts as its own action when
// the step does nothing else.
func (p *Plan) Count() map[Action]int {
	counts := map[Action]int{}
	for _, s := range p.Steps {
		counts[s.Action]++
	}
	return counts
}

// Hash names the plan: same inventory, same hosts as observed, same steps give
// the same hash, whenever it was made.
func (p *Plan) Hash() string {
	same := *p
	same.Created = time.Time{}
	same.Warnings = nil
	raw, err := json.Marshal(same)
	if err != nil {
		panic(fmt.Sprintf("a plan is always JSON: %v", err))
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Decode reads a saved plan. Saved plans come from files and are not trusted:
// they are only compared with a plan that is made anew.
func Decode(raw []byte) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("reading saved plan: %w", err)
	}
	if p.Format != Format {
		return nil, fmt.Errorf("cannot read saved plan: its format is %d, this provision reads %d; plan again", p.Format, Format)
	}
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields() // what is not understood cannot be done as it was agreed
	if err := strict.Decode(new(Plan)); err != nil {
		return nil, fmt.Errorf("cannot apply the saved plan: it is damaged or was edited: %w; plan again", err)
	}
	return &p, nil
}
