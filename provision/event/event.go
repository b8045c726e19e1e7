package event

import (
	"time"

	"provision/provision/resource"
)

// Type says what happened.
type Type string

// The types. Every step that starts ends with exactly one of done, failed or
// skipped.
const (
	HostConnecting Type = "host_connecting"
	HostConnected  Type = "host_connected"
	HostFailed     Type = "host_failed"
	PhaseStarted   Type = "phase_started"
	StepStarted    Type = "step_started"
	StepDone       Type = "step_done"
	StepFailed     Type = "step_failed"
	StepSkipped    Type = "step_skipped"
	Transfer       Type = "transfer" // bytes sent to a host so far
	Note           Type = "note"
	Warning        Type = "warning"
)

// Event is one thing that happened. Fields that do not apply are zero.
type Event struct {
	Time    time.Time         `json:"time"`
	Type    Type              `json:"type"`
	Host    string            `json:"host,omitempty"`
	Address *resource.Address `json:"address,omitempty"`
	Action  string            `json:"action,omitempty"`
	Text    string            `json:"text,omitempty"`
	Detail  string            `json:"detail,omitempty"` // tail of a command's output or a unit's log
	Took    time.Duration     `json:"took_ns,omitempty"`
	Done    int64             `json:"done,omitempty"` // bytes, for transfers
	Total   int64             `json:"total,omitempty"`
}

// Sink takes events. It must not block for long and may be called from many
// goroutines at once.
type Sink func(Event)

// Discard drops everything.
func Discard(Event) {}
