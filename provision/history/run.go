package history

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Format is the version of what is written. Later ones are passed over.
const Format = 1

// Result says how a run ended.
type Result string

// The results. A run that was killed, or is still at work, has none.
const (
	Done       Result = "done"
	Incomplete Result = "incomplete" // all was done that could be: hosts were skipped
	Failed     Result = "failed"
	Stopped    Result = "stopped" // interrupted, or its lock was lost
)

// Run is one run that changed hosts, or set out to.
type Run struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	Verb   string `json:"verb"`
	// Back is the run whose inventory a rollback went back to.
	Back string `json:"back,omitempty"`

	Who     string    `json:"who"`            // user@machine
	From    string    `json:"from,omitempty"` // where that user was logged in from
	Version string    `json:"version"`        // of provision
	Started time.Time `json:"started"`
	Cluster string    `json:"cluster"`
	Target  string    `json:"target"`

	Plan      string   `json:"plan"`      // hash
	Inventory string   `json:"inventory"` // digest, as plans have it
	Files     []string `json:"files,omitempty"`
	// Vars are the names of the variables that were given, VarFiles the files
	// that gave some, with a keyed digest where the cluster had a key.
	Vars     []string          `json:"vars,omitempty"`
	VarFiles map[string]string `json:"var_files,omitempty"`
	Steps    map[string]int    `json:"steps"` // by action
	// Hosts are those with steps, the first of them; HostCount is how many.
	Hosts     []string `json:"hosts,omitempty"`
	HostCount int      `json:"host_count"`
	// Targets are what the run was limited to.
	Targets []string `json:"targets,omitempty"`
	// Versions are those that the inventory asked for, by name.
	Versions map[string]string `json:"versions,omitempty"`
	// Sources names the inventory, which is kept when the run has ended well;
	// NoSources says why it cannot be.
	Sources   string `json:"sources,omitempty"`
	NoSources string `json:"no_sources,omitempty"`

	Ended    time.Time `json:"ended,omitzero"`
	Result   Result    `json:"result,omitempty"`
	Counts   Counts    `json:"counts,omitzero"`
	Error    string    `json:"error,omitempty"`
	Failures []Failure `json:"failures,omitempty"` // the first of them
}

// Counts are the steps of a run that ended, by how they ended.
type Counts struct {
	Done       int `json:"done"`
	Failed     int `json:"failed"`
	NotStarted int `json:"not_started"`
}

// Failure is a step that failed.
type Failure struct {
	Address string `json:"address"`
	Error   string `json:"error"`
}

// Bounds of what a record holds: it fits into what a host takes.
const (
	maxHosts    = 40
	maxFailures = 5
	maxText     = 600
	maxRun      = 16 << 10
)

// NewID names a run so that names sort in the order in which runs had the
// cluster's lock. Salt tells runs apart whose epochs are the same.
func NewID(epoch uint64, salt string) string {
	return fmt.Sprintf("%012d-%.4s", epoch, strings.ToLower(salt))
}

// Short is the name of a run for people: 37-k3x9.
func (r Run) Short() string { return Short(r.ID) }

// Short leaves out the zeros in front.
func Short(id string) string {
	if rest := strings.TrimLeft(id, "0"); rest != "" {
		return rest
	}
	return id
}

// Finished reports whether the run said how it ended.
func (r Run) Finished() bool { return r.Result != "" }

// Took is how long the run took.
func (r Run) Took() time.Duration {
	if !r.Finished() {
		return 0
	}
	return max(0, r.Ended.Sub(r.Started))
}

// Whole reports whether the run made the hosts what its inventory says, as far
// as they took part.
func (r Run) Whole() bool {
	return (r.Result == Done || r.Result == Incomplete) && len(r.Targets) == 0
}

// validID reports whether NewID could have made it.
func validID(id string) bool {
	epoch, salt, ok := strings.Cut(id, "-")
	if _, err := strconv.ParseUint(epoch, 10, 64); !ok || err != nil || len(epoch) < 12 || len(salt) > 8 || salt == "" {
		return false
	}
	return !strings.ContainsFunc(salt, func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') })
}

// cut keeps a text to a size that records have room for.
func cut(text string, size int) string {
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size], "") + "…"
}

// bound keeps the lists and texts of a run within what hosts take.
func (r Run) bound() Run {
	r.Hosts = r.Hosts[:min(len(r.Hosts), maxHosts)]
	r.Failures = append([]Failure(nil), r.Failures[:min(len(r.Failures), maxFailures)]...)
	for i := range r.Failures {
		r.Failures[i].Address, r.Failures[i].Error = cut(r.Failures[i].Address, maxText), cut(r.Failures[i].Error, maxText)
	}
	r.Error = cut(r.Error, maxText)
	r.Targets = r.Targets[:min(len(r.Targets), maxHosts)]
	r.Files = r.Files[:min(len(r.Files), maxHosts)]
	r.Vars = r.Vars[:min(len(r.Vars), maxHosts)]
	return r
}
